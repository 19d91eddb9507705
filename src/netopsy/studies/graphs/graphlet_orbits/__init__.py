"""Do walks miss what orbits see, is counting them quick, and do they tell labels better? Windels et al. re-tested."""

from netopsy.lab import Study
from netopsy.studies.graphs.graphlet_orbits.draw import draw
from netopsy.studies.graphs.graphlet_orbits.judge import judge
from netopsy.studies.graphs.graphlet_orbits.measure import cost, labels, plan, walks
from netopsy.studies.graphs.graphlet_orbits.plan import PRESETS

STUDY = Study("graphlet-orbits", PRESETS, plan, (walks, cost, labels), judge, draw)
"""``netopsy reproduce graphlet-orbits``."""
