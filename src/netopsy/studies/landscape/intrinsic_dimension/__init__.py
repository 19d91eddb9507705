"""How many random directions does training need? Li et al. 2018 re-tested."""

from netopsy.lab import Study
from netopsy.studies.landscape.intrinsic_dimension.draw import draw
from netopsy.studies.landscape.intrinsic_dimension.judge import judge
from netopsy.studies.landscape.intrinsic_dimension.measure import controls, cost, curves, labels
from netopsy.studies.landscape.intrinsic_dimension.plan import PRESETS, plan

STUDY = Study("intrinsic-dimension", PRESETS, plan, (curves, labels, controls, cost), judge, draw)
