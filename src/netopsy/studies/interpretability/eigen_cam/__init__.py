"""Does a map without class or gradient find the object, under noise and above a mistaken head? Muhammad and Yeasin 2020
re-tested."""

from netopsy.lab import Study
from netopsy.studies.interpretability.eigen_cam.draw import draw
from netopsy.studies.interpretability.eigen_cam.judge import judge
from netopsy.studies.interpretability.eigen_cam.measure import cost, cost_by_units, networks, plan
from netopsy.studies.interpretability.eigen_cam.plan import PRESETS

STUDY = Study("eigen-cam", PRESETS, plan, (networks, cost, cost_by_units), judge, draw)
"""``netopsy reproduce eigen-cam``."""
