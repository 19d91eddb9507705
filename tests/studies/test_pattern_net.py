from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy.interpretability.pattern_net import evaluation
from netopsy.interpretability.pattern_net.firing import filter_maps
from netopsy.interpretability.pattern_net.patchwise import agreement, patchwise_maps
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.lab.subjects.images import ImageSubject
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.pattern_net import measure as _measure
from netopsy.studies.interpretability.pattern_net.plan import ENERGY, FIRINGS, HEAD, MEANS, PATTERNS, RANDOM, TRIPLES


def table(
    lift=200.0,
    support=0.6,
    patterns=0.97,
    triples=0.88,
    recall=0.9,
    chance=0.3,
    ratios=(15, 20, 30),
    mining=0.1,
    noise=0.02,
    same=1.0,
    equal=8.0,
    spread=0.005,
):
    """A made-up table of 3 runs."""
    random, rows = np.random.default_rng(0), []
    for seed in range(3):
        at = {"layer": "last", "seed": seed}
        for cls in range(10):
            row = {"measure": "class", "class": cls, "found": 1, "filters": 3}
            for name, value in (("pattern", lift), ("filter", 5.0), ("equal filter", equal)):
                own = value * float(np.exp(random.normal(0, 0.3)))
                row |= {f"{name} lift": own, f"{name} support": support, f"{name} background": support / own}
                row |= {f"{name} inside": 10, f"{name} outside": 2}
            rows.append({**at, **row})
            rows.append(
                {**at, "measure": "pattern", "class": cls, "filters": 3, "support": 0.6, "lift": lift, "height": 9.0}
            )
        answers = {PATTERNS: patterns, TRIPLES: triples, MEANS: 0.9, FIRINGS: 0.7, HEAD: 0.9}
        boxes = {PATTERNS: recall, ENERGY: 0.5, RANDOM: chance}
        for measure, values in (("answer", answers), ("box", boxes)):
            for name, value in values.items():
                shaken = value + float(random.normal(0, spread))
                rows.append({**at, "measure": measure, "method": name, "value": shaken, "overlap": 0.6})
                rows.append(
                    {**at, "layer": "earlier", "measure": measure, "method": name, "value": value, "overlap": 0.5}
                )
        rows.append({**at, "measure": "peak", "value": 1.0})
    for side, ratio in zip((24, 48, 96), ratios, strict=True):
        for turn in range(5):
            shaken = ratio * float(np.exp(random.normal(0, noise)))
            taken = {"one pass": 1.0 + mining, "patches": shaken + mining}
            taken |= {"one pass alone": 1.0, "patches alone": shaken}
            rows.append({"measure": "speed", "side": side, "round": turn, **taken})
        rows.append({"measure": "agreement", "side": side, "value": same})
    return pd.DataFrame(rows)


def verdict(number, **options):
    return verdicts("pattern-net", table(**options))[number]


def test_all_hold_where_the_table_says_so():
    found = list(verdicts("pattern-net", table()).values())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[0].estimate == pytest.approx(np.log(25), abs=0.2)
    assert found[2].estimate == pytest.approx(0.6, abs=0.05)
    assert found[3].part("time ratio at 24 pixels").estimate.value == pytest.approx(15.1 / 1.1, abs=1)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"equal": 190.0}, "does not hold"),
        (1, {"lift": 6.0}, "does not hold"),
        (1, {"support": 0.3}, "does not hold"),
        (1, {"lift": 13.0}, "undecided"),
        (2, {"patterns": 0.8}, "does not hold"),
        (2, {"patterns": 0.9}, "undecided"),
        (3, {"recall": 0.35}, "does not hold"),
        (3, {"recall": 0.48, "chance": 0.3, "spread": 0.05}, "undecided"),
        (4, {"ratios": (5, 20, 30)}, "does not hold"),
        (4, {"ratios": (15, 15, 15)}, "undecided"),
        (4, {"ratios": (15, 15, 15), "noise": 0.0, "mining": 0.0}, "does not hold"),
        (4, {"ratios": (15, 12, 10)}, "does not hold"),
        (4, {"same": 0.9}, "does not hold"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


@pytest.mark.parametrize("layer", ["features.act3", "features.act4"])
def test_a_patch_has_the_same_answer_as_the_place_in_the_image(layer):
    model = small_conv_net(seed=0).eval()
    images = torch.rand(2, 1, 40, 48, generator=torch.Generator().manual_seed(0))
    field = receptive_field(model, layer, images)
    whole, parts = filter_maps(model, layer, images), patchwise_maps(model, layer, images, field)
    assert whole.shape == parts.shape
    torch.testing.assert_close(whole[:, :, 3:7, 3:7], parts[:, :, 3:7, 3:7])
    assert not torch.allclose(whole[:, :, 0], parts[:, :, 0], atol=1e-4)  # padding within and black beyond differ
    assert agreement(model, layer, images) == 1


def test_both_ways_are_timed_with_the_mining_and_patches_of_the_fields_own_size(monkeypatch):
    model, sizes, mined = small_conv_net(seed=0).eval(), set(), []
    mine = evaluation.mine_itemsets
    monkeypatch.setattr(
        evaluation, "mine_itemsets", lambda *given, **options: mined.append(1) or mine(*given, **options)
    )
    timed = _measure.milliseconds

    def watched(call, rounds):
        handle = model.register_forward_pre_hook(lambda _, given: sizes.add(tuple(given[0].shape[2:])))
        try:
            return timed(call, rounds=rounds)
        finally:
            handle.remove()

    monkeypatch.setattr(_measure, "milliseconds", watched)
    monkeypatch.setattr(_measure, "trained", lambda subject, seed: SimpleNamespace(model=model))
    rows = list(_measure.speed(ImageSubject(objects=1), (24,), 6, 2))
    assert len(mined) == 2 * 2 * 2  # two rounds of two ways, each after one call that warms up
    assert sizes == {(24, 24), (13, 13)}
    assert [row["measure"] for row in rows] == ["speed", "speed", "agreement"]
