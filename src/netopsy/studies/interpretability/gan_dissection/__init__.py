"""Do hidden units of a generator stand for things, and do they cause them? Bau et al. 2019 re-tested on scenes."""

from netopsy.lab import Study
from netopsy.studies.interpretability.gan_dissection.draw import draw
from netopsy.studies.interpretability.gan_dissection.judge import judge
from netopsy.studies.interpretability.gan_dissection.measure import cost, dissections, plan
from netopsy.studies.interpretability.gan_dissection.plan import PRESETS

STUDY = Study("gan-dissection", PRESETS, plan, (dissections, cost), judge, draw)
"""``netopsy reproduce gan-dissection``."""
