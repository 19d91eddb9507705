import numpy as np
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.core.errors import InputError
from netopsy.studies import load
from netopsy.studies.robustness.level_set_traversal.plan import (
    ENDS,
    EQUAL,
    NORMAL,
    PLAIN,
    PROJECTED,
    PUSHED,
    ROBUST,
    STRAIGHT,
    TARGETS,
    WALK,
)
from netopsy.studies.robustness.level_set_traversal.subjects import Subjects, pairs


def table(walk=0.35, straight=0.6, lost=0.08, high=0.99, control=0.1, normal=0.8, robust=0.95, pushed=None, runs=5,
          spread=0.01):  # fmt: skip
    """Made-up rows: distances left, the confidence lost, shares of high segments, and of near points of triangles."""
    random, rows = np.random.default_rng(0), []
    for seed in range(runs):

        def put(measure, training, value, **where):
            noise = float(random.normal(0, spread))
            rows.append({"measure": measure, "seed": seed, "training": training, **where, "value": value + noise})  # noqa: B023

        for training in (NORMAL, ROBUST):
            for method, left in ((WALK, walk), (PROJECTED, walk), (STRAIGHT, straight)):
                put("remaining", training, left, method=method)
                put("similarity", training, 0.9, method=method)
                put("confidence", training, 0.99 - lost, method=method)
                put("source confidence", training, 0.99, method=method)
            for to, share in ((ENDS, high), (TARGETS, control)):
                put("high segments", training, share, to=to)
            put("edge", training, 0.3)
            near = {NORMAL: normal, ROBUST: robust}[training]
            for triangles in (PLAIN, PUSHED, EQUAL):
                value = (pushed or {}).get(training, near) if triangles == PUSHED else near
                put("hull", training, value, triangles=triangles, name="within 0.1")
                put("hull", training, near, triangles=triangles, name="mean")
    return rows


def answer(number, **options):
    return verdicts("level-set-traversal", table(**options))[number]


def test_all_hold_where_the_rows_say_so():
    assert [answer(number).verdict for number in range(1, 4)] == ["holds"] * 3


@pytest.mark.parametrize(
    ("number", "options", "expected"),
    [
        (1, {"walk": 0.55}, "does not hold"),
        (1, {"walk": 0.48, "spread": 0.05}, "undecided"),
        (1, {"lost": 0.3}, "does not hold"),
        (1, {"lost": 0.19, "spread": 0.05}, "undecided"),
        (1, {"runs": 2}, "undecided"),
        (2, {"high": 0.7}, "does not hold"),
        (2, {"high": 0.91, "spread": 0.05}, "undecided"),
        (2, {"control": 1.2}, "does not hold"),
        (3, {"robust": 0.8}, "does not hold"),
        (3, {"robust": 0.86, "spread": 0.05}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, expected):
    assert answer(number, **options).verdict == expected


def test_at_the_ceiling_the_points_are_pushed_out_once():
    ceiling = {"normal": 0.99, "robust": 0.99, "spread": 0.002}
    again = answer(3, **ceiling, pushed={NORMAL: 0.7, ROBUST: 0.9})
    assert again.verdict == "holds"
    assert again.weakest.name == "near points of pushed out triangles"
    still = answer(3, **ceiling)
    assert still.verdict == "undecided"
    assert "at the ceiling" in still.rule
    below = answer(3, normal=0.96, robust=0.99, spread=0.002, pushed={NORMAL: 0.1, ROBUST: 0.9})
    assert below.verdict == "does not hold"  # one mean below the ceiling: nothing is repeated


class Certain(torch.nn.Module):
    """Sure of the class that is written in the first pixel, up to a class that it does not know."""

    def __init__(self, unknown):
        super().__init__()
        self.unknown = unknown

    def forward(self, images):
        number = (images[:, 0, 0, 0] * 10).round().long()
        scores = 9.0 * torch.nn.functional.one_hot(number, 3)
        scores[number == self.unknown] = 0.0
        return scores


def test_pairs_are_of_two_classes_that_both_networks_are_sure_of():
    from netopsy.data import Dataset

    labels = torch.arange(30) % 3
    images = (labels / 10)[:, None, None, None].expand(30, 1, 2, 2).contiguous()
    found = Subjects({NORMAL: Certain(None), ROBUST: Certain(2)}, Dataset(images, labels), {})
    given = pairs(found, 4, 3, 0)
    assert len(given.source) == 12
    assert given.of.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    said = (given.target[:, 0, 0, 0] * 10).round().long()
    assert not bool((said == given.label).any())
    assert set(said.tolist()) | set(given.label.tolist()) == {0, 1}
    with pytest.raises(InputError, match="sure of images of 1 classes, and two are needed"):
        pairs(Subjects({NORMAL: Certain(1), ROBUST: Certain(2)}, Dataset(images, labels), {}), 4, 3, 0)


def test_the_paper_s_own_scale_can_be_planned():
    study = load("level-set-traversal")
    config = study.configuration("paper")
    assert len(study.cells(config)) == 3
    assert (config.subject.hub.depth, config.subject.hub.widen) == (28, 10)
    assert config.sources * config.targets == 500


def test_a_set_of_the_hub_is_walked_through(make_hub, tmp_path, monkeypatch):
    from netopsy.studies.robustness.level_set_traversal.plan import HubNetwork, Subject
    from netopsy.studies.robustness.level_set_traversal.subjects import subjects

    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "cache"))
    subject = Subject(make_hub(), hub=HubNetwork(depth=10, widen=1, epochs=12, batch_size=8, lr=1e-2, radius=1 / 255))
    found = subjects(subject, 0)
    assert set(found.models) == {NORMAL, ROBUST}
    assert min(found.accuracies.values()) > 0.9
