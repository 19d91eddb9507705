"""Do a few filters together say more than one, and do they find the object? Li et al. 2018 re-tested."""

from netopsy.lab import Study
from netopsy.studies.interpretability.pattern_net.draw import draw
from netopsy.studies.interpretability.pattern_net.judge import judge
from netopsy.studies.interpretability.pattern_net.measure import cost_by_side, cost_by_units, patterns, plan, speed
from netopsy.studies.interpretability.pattern_net.plan import PRESETS

STUDY = Study("pattern-net", PRESETS, plan, (patterns, speed, cost_by_side, cost_by_units), judge, draw)
"""``netopsy reproduce pattern-net``."""
