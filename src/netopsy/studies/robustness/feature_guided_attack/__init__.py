"""Does a game over keypoints find small changes of an image by questions alone? Wicker et al. 2018 re-tested.

The unit is a trained network: numbers are means over its images.
"""

from netopsy.lab import Study
from netopsy.studies.robustness.feature_guided_attack.draw import draw
from netopsy.studies.robustness.feature_guided_attack.judge import judge
from netopsy.studies.robustness.feature_guided_attack.measure import attacks, optimum, plan, players, regions
from netopsy.studies.robustness.feature_guided_attack.plan import PRESETS

STUDY = Study("feature-guided-attack", PRESETS, plan, (attacks, regions, optimum, players), judge, draw)
"""``netopsy reproduce feature-guided-attack``."""
