"""The presets of the papers' own scale: the same measures on colour images, in several processes."""

import math
from multiprocessing import forkserver

import netopsy_small_scale as small_scale

from netopsy.lab import run
from netopsy.studies import load


def test_every_measure_on_sparsity_runs_on_images_of_the_hub_in_two_processes(make_hub, tmp_path):
    for name, more in (("colours", 500), ("few", 24)):
        make_hub(classes=10, each=6, side=small_scale.SIDE, more=more, name=name)
    forkserver._forkserver._stop()  # one of an earlier run has not imported these studies, so that each worker would
    found = run(small_scale.STUDY, "paper", out=tmp_path / "run", workers=2)
    for paper in small_scale.SMALL:
        rows = found.rows[found.rows["paper"] == paper]
        assert set(rows["of"]) == {each.__name__ for each in load(paper).measures}
        assert rows["value"].map(math.isfinite).all()
