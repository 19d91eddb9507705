"""Do structure and features tell what a graph is worth? Falahati and Mohammadi Amiri 2024 re-tested."""

from netopsy.lab import Study
from netopsy.studies.graphs.graph_valuation.draw import draw
from netopsy.studies.graphs.graph_valuation.judge import judge
from netopsy.studies.graphs.graph_valuation.measure import (
    cost,
    disentangled,
    estimates,
    plan,
    relevance,
    structure,
    useful,
)
from netopsy.studies.graphs.graph_valuation.plan import PRESETS

STUDY = Study(
    "graph-valuation", PRESETS, plan, (structure, relevance, disentangled, useful, estimates, cost), judge, draw
)
"""``netopsy reproduce graph-valuation``."""
