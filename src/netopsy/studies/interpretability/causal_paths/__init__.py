"""Are a few paths enough to name a class, are they needed, and are they found again? Ahmad et al. 2024 re-tested."""

from netopsy.lab import Study
from netopsy.studies.interpretability.causal_paths.draw import draw
from netopsy.studies.interpretability.causal_paths.judge import judge
from netopsy.studies.interpretability.causal_paths.measure import cost, graphs, plan
from netopsy.studies.interpretability.causal_paths.plan import PRESETS

STUDY = Study("causal-paths", PRESETS, plan, (graphs, cost), judge, draw)
"""``netopsy reproduce causal-paths``."""
