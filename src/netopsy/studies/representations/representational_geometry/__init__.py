"""Input geometry or label geometry? Alleman, Lindsey and Fusi 2024 re-tested.

Tanh and ReLU layers start from the same weights and see the same samples of the same tasks; every network has means of
its own, or a kernel, so that networks (kernels) are independent.
"""

from netopsy.lab import Study
from netopsy.studies.representations.representational_geometry.draw import draw
from netopsy.studies.representations.representational_geometry.images import images
from netopsy.studies.representations.representational_geometry.judge import judge
from netopsy.studies.representations.representational_geometry.measure import aligned, nudged, plan, unstructured
from netopsy.studies.representations.representational_geometry.plan import PRESETS

STUDY = Study("representational-geometry", PRESETS, plan, (unstructured, aligned, nudged, images), judge, draw)
