"""Can a decision be verified by exhaustion, layer by layer? Huang et al. 2017 re-tested.

Perceptrons and small convolutional networks on 8x8 digits; a trained network is the unit. Grids of a hidden layer,
whose units all move, are represented by their corners. The search is the paper's; the sign method, its control, is
given the smallest step at which it succeeds as often.
"""

from netopsy.lab import Study
from netopsy.studies.robustness.safety_verification import measure
from netopsy.studies.robustness.safety_verification.draw import draw
from netopsy.studies.robustness.safety_verification.judge import judge
from netopsy.studies.robustness.safety_verification.plan import PRESETS

MEASURES = (measure.agreement, measure.refinement, measure.distances)
STUDY = Study("safety-verification", PRESETS, measure.plan, MEASURES, judge, draw)
"""``netopsy reproduce safety-verification``."""
