"""Do structure and features tell what a graph is worth? Falahati and Mohammadi Amiri 2024 re-tested."""

from netopsy.lab import Study
from netopsy.studies.graphs.graph_valuation import measure
from netopsy.studies.graphs.graph_valuation.draw import draw
from netopsy.studies.graphs.graph_valuation.judge import judge
from netopsy.studies.graphs.graph_valuation.plan import PRESETS

MEASURES = (measure.structure, measure.relevance, measure.disentangled, measure.useful, measure.estimates, measure.cost)
STUDY = Study("graph-valuation", PRESETS, measure.plan, MEASURES, judge, draw)
"""``netopsy reproduce graph-valuation``."""
