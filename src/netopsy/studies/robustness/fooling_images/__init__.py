"""Is a classifier certain of images that mean nothing? Nguyen et al. 2015 re-tested on digits and photographs."""

from netopsy.lab import Study
from netopsy.studies.robustness.fooling_images.draw import draw
from netopsy.studies.robustness.fooling_images.judge import judge
from netopsy.studies.robustness.fooling_images.measure import images, plan, retraining, transfer
from netopsy.studies.robustness.fooling_images.plan import PRESETS

STUDY = Study("fooling-images", PRESETS, plan, (images, retraining, transfer), judge, draw)
"""``netopsy reproduce fooling-images``."""
