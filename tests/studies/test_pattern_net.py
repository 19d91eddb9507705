import re

import numpy as np
import pandas as pd
import pytest
import torch

from netopsy.interpretability.pattern_net.firing import filter_maps
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.lab import run
from netopsy.models import resnet18, small_conv_net
from netopsy.studies import load
from netopsy.studies.interpretability import _patchwise
from netopsy.studies.interpretability import pattern_net as study
from netopsy.studies.interpretability._patchwise import agreement, patchwise_maps
from netopsy.studies.interpretability._pattern_measures import (
    ENERGY,
    FIRINGS,
    HEAD,
    MEANS,
    PATTERNS,
    RANDOM,
    TRIPLES,
    peaks_inside,
)
from netopsy.studies.interpretability._pattern_verdicts import judge


def table(
    lift=200.0,
    support=0.6,
    patterns=0.97,
    triples=0.88,
    recall=0.9,
    chance=0.3,
    ratios=(15, 20, 30),
    noise=0.02,
    same=1.0,
):
    """A made-up table of 3 runs."""
    random, rows = np.random.default_rng(0), []
    for seed in range(3):
        at = {"layer": "last", "seed": seed}
        for cls in range(10):
            row = {"measure": "class", "class": cls, "found": 1, "filters": 3}
            for name, value in (("pattern", lift), ("filter", 5.0)):
                own = value * float(np.exp(random.normal(0, 0.3)))
                row |= {f"{name} lift": own, f"{name} support": support, f"{name} background": support / own}
                row |= {f"{name} inside": 10, f"{name} outside": 2}
            rows.append({**at, **row})
            rows.append(
                {**at, "measure": "pattern", "class": cls, "filters": 3, "support": 0.6, "lift": lift, "height": 9.0}
            )
        for image in range(300):
            right = {
                name: int(random.random() < share)
                for name, share in {PATTERNS: patterns, TRIPLES: triples, MEANS: 0.9, FIRINGS: 0.7, HEAD: 0.9}.items()
            }
            rows.append({**at, "measure": "answer", "image": image, **right})
            hits = {
                name: int(random.random() < share)
                for name, share in {PATTERNS: recall, ENERGY: 0.5, RANDOM: chance}.items()
            }
            rows.append({**at, "measure": "box", "image": image, **hits, f"{PATTERNS} overlap": 0.6, "peak inside": 1})
    for side, ratio in zip((24, 48, 96), ratios, strict=True):
        for turn in range(5):
            taken = {"mining": 0.1, "one pass": 1.0, "patches": ratio * float(np.exp(random.normal(0, noise)))}
            rows.append({"measure": "speed", "side": side, "round": turn, **taken})
        rows.append({"measure": "agreement", "side": side, "value": same})
    return pd.DataFrame(rows)


def verdict(name, **options):
    return next(each for each in judge(table(**options), study.Config()) if each.claim == name)


def test_all_hold_where_the_table_says_so():
    found = judge(table(), study.Config())
    assert [each.verdict for each in found] == ["holds"] * 4
    assert found[0].estimate == pytest.approx(np.log(40), abs=0.2)
    assert found[2].estimate == pytest.approx(0.6, abs=0.05)
    assert found[3].estimate == pytest.approx(15, abs=1)
    bare = [float(one) for one in re.findall(r"alone: ([\d.]+), ([\d.]+), ([\d.]+)", found[3].detail)[0]]
    assert bare == pytest.approx([(ratio - 0.1) / 0.9 for ratio in (15, 20, 30)], rel=0.05)


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("pattern-net-1", {"lift": 6.0}, "does not hold"),
        ("pattern-net-1", {"support": 0.3}, "does not hold"),
        ("pattern-net-1", {"lift": 9.5}, "undecided"),
        ("pattern-net-2", {"patterns": 0.8}, "does not hold"),
        ("pattern-net-2", {"patterns": 0.9}, "undecided"),
        ("pattern-net-3", {"recall": 0.35}, "does not hold"),
        ("pattern-net-3", {"recall": 0.48, "chance": 0.3}, "undecided"),
        ("pattern-net-4", {"ratios": (5, 20, 30)}, "does not hold"),
        ("pattern-net-4", {"ratios": (15, 15, 15)}, "undecided"),
        ("pattern-net-4", {"ratios": (15, 12, 10)}, "does not hold"),
        ("pattern-net-4", {"same": 0.9}, "does not hold"),
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert verdict(name, **options).verdict == answer


def test_smoke(tmp_path):
    found = run(load("pattern-net"), "smoke", out=tmp_path, workers=0)
    assert [each.claim for each in found.verdicts] == [
        "pattern-net-1",
        "pattern-net-2",
        "pattern-net-3",
        "pattern-net-4",
    ]
    assert set(found.figures) == {"telling", "examples", "accuracy", "recall", "speed", "cost"}
    counts = found.rows["measure"].value_counts()
    assert counts["answer"] == 40
    assert counts["box"] == 2 * 40
    assert counts["class"] == 2 * 10
    assert counts["speed"] == 2 * 3
    assert counts["cost by side"] == counts["cost by units"] == 2
    assert (found.rows.loc[found.rows["measure"] == "agreement", "value"] == 1).all()


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
    mine = _patchwise.mine_itemsets
    monkeypatch.setattr(
        _patchwise, "mine_itemsets", lambda *given, **options: mined.append(1) or mine(*given, **options)
    )
    timed = _patchwise.milliseconds

    def watched(call, rounds):
        handle = model.register_forward_pre_hook(lambda _, given: sizes.add(tuple(given[0].shape[2:])))
        try:
            return timed(call, rounds=rounds)
        finally:
            handle.remove()

    monkeypatch.setattr(_patchwise, "milliseconds", watched)
    rows = list(_patchwise.speed(model, "features.act4", [24], 6, 2))
    assert len(mined) == 2 * 3 * 2  # two rounds of two ways and of the mining alone, each after one call that warms up
    assert sizes == {(24, 24), (13, 13)}
    assert [row["measure"] for row in rows] == ["speed", "speed", "agreement"]


def test_peaks_inside_equal_the_loop_over_images():
    setting = study.Setting(train_images=200, test_images=30, epochs=1)
    model, _, test = study.trained(setting, 0)
    train = study.training_objects(setting, 0)
    miner = study.PatternMiner(model, "features.act4", min_support=0.2, min_lift=1.0).fit(train.images, train.labels)
    best = {one.cls: number for number, one in reversed(list(enumerate(miner.patterns_)))}
    found = peaks_inside(miner, test, best)
    assert found
    for image in range(30):
        label = int(test.labels[image])
        if label not in best:
            assert image not in found
            continue
        cells = miner.heatmap(test.images[image : image + 1], best[label], resize=False)[0]
        row, column = divmod(int(cells.argmax()), cells.shape[1])
        y, x = miner.field_.centre(torch.tensor(row), torch.tensor(column)).tolist()
        top, left, bottom, right = test.boxes[image].tolist()
        assert found[image] == (top <= y < bottom and left <= x < right)


def test_layers_of_the_paper_preset_exist():
    preset = load("pattern-net").configuration("paper")
    assert (preset.setting.network, preset.per_class, preset.patch_images) == ("resnet18", 20, 500)
    names = dict(resnet18(widths=(4, 4, 6, 6)).named_modules())
    assert {"stage3", "stage4"} <= set(names)
