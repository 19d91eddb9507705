"""Do neighbours in common, pooled and completed, predict missing links better? Wang et al. 2024 re-tested."""

from netopsy.lab import Study
from netopsy.studies.graphs.neural_common_neighbor.draw import draw
from netopsy.studies.graphs.neural_common_neighbor.judge import judge
from netopsy.studies.graphs.neural_common_neighbor.measure import cost, near_digits, plan, real_network
from netopsy.studies.graphs.neural_common_neighbor.plan import PRESETS

STUDY = Study("neural-common-neighbor", PRESETS, plan, (near_digits, real_network, cost), judge, draw)
"""``netopsy reproduce neural-common-neighbor``."""
