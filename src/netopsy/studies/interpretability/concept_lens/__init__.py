"""Are concept scores optimal, extraction a trade, and images of a class told apart by their reasons? Fel et al. 2023
re-tested."""

from netopsy.lab import Study
from netopsy.studies.interpretability.concept_lens.draw import draw
from netopsy.studies.interpretability.concept_lens.judge import judge
from netopsy.studies.interpretability.concept_lens.measure import concepts, cost, cues, plan
from netopsy.studies.interpretability.concept_lens.plan import PRESETS

STUDY = Study("concept-lens", PRESETS, plan, (concepts, cues, cost), judge, draw)
"""``netopsy reproduce concept-lens``."""
