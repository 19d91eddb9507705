import dataclasses

import pandas as pd
import pytest
import torch

from netopsy import InputError
from netopsy.data import Dataset
from netopsy.lab import run
from netopsy.studies import load
from netopsy.studies.interpretability import norm_grad as study
from netopsy.studies.interpretability._norm_grad_figures import draw
from netopsy.studies.interpretability._norm_grad_verdicts import chosen_rate, judge
from netopsy.studies.interpretability._pictures import as_text, from_text
from netopsy.studies.interpretability._scenes import CANVASES, Scenes, Setting, mosaics, trained

LAYERS = ("first", "second", "third", "last")


def table(early=0.4, late=0.9, gain=0.02, fall=0.3, agreement=0.9, seeds=3, scenes=40, data="made-up"):
    """A made-up table: what Grad-CAM reaches early and late, what the product gains, how far the correlation falls."""
    random, rows = torch.Generator().manual_seed(0), []

    def put(measure, method, layer, value, rate=0.0):
        for seed in range(seeds):
            for scene, noise in enumerate((0.02 * torch.randn(scenes, generator=random)).tolist()):
                where = {"data": data, "seed": seed, "scene": scene, "method": method, "layer": layer, "rate": rate}
                rows.append({"measure": measure, **where, "value": value + noise - 1e-3 * seed})

    for method in ("selective NormGrad", "Grad-CAM", "NormGrad"):
        levels = (early, early, late, late) if method == "Grad-CAM" else (0.9,) * 4
        for layer, level in zip(LAYERS, levels, strict=True):
            put("pointing", method, layer, level)
            for rate in (0.0, 1e-3, 1e-2):
                put("sensitivity", method, layer, 0.9 - fall * rate / 1e-2, rate)
        put("pointing", method, "product", max(levels) + gain)
    for layer in LAYERS:
        put("agreement", "same scene", layer, agreement)
        put("agreement", "another scene", layer, 0.1)
    return pd.DataFrame(rows)


def answers(**numbers):
    return {verdict.claim: verdict.verdict for verdict in judge(table(**numbers), study.Config())}


def test_verdicts_follow_the_criteria():
    assert answers() == {"norm-grad-1": "holds", "norm-grad-2": "holds", "norm-grad-3": "holds", "norm-grad-4": "holds"}


@pytest.mark.parametrize(
    ("claim", "numbers"),
    [
        ("norm-grad-1", {"early": 0.88}),
        ("norm-grad-1", {"early": 0.95}),
        ("norm-grad-1", {"late": 0.42}),
        ("norm-grad-2", {"gain": -0.2}),
        ("norm-grad-3", {"fall": 0.05}),
        ("norm-grad-3", {"fall": -0.05}),
        ("norm-grad-4", {"agreement": 0.5}),
    ],
)
def test_each_criterion_can_fail(claim, numbers):
    assert answers(**numbers)[claim] == "does not hold"


def test_a_claim_must_hold_on_every_data_set():
    both = pd.concat([table(), table(agreement=0.5, data="other")])
    assert {v.claim: v.verdict for v in judge(both, study.Config())}["norm-grad-4"] == "does not hold"


def test_one_layer_that_fails_fails_the_claim():
    rows = table()
    rows.loc[(rows["measure"] == "agreement") & (rows["layer"] == "third"), "value"] -= 0.4
    verdict = next(v for v in judge(rows, study.Config()) if v.claim == "norm-grad-4")
    assert verdict.verdict == "does not hold"
    assert verdict.estimate == pytest.approx(0.5, abs=0.02)


def test_too_few_runs_leave_the_combination_undecided():
    assert answers(seeds=2)["norm-grad-2"] == "undecided"


def test_the_step_is_chosen_on_even_scenes_and_tested_on_odd_ones():
    rows = table()
    sensitivity = (rows["measure"] == "sensitivity") & (rows["rate"] == 1e-3)
    rows.loc[sensitivity & (rows["scene"] % 2 == 0), "value"] = 0.0
    assert chosen_rate(rows) == 1e-3
    verdict = next(v for v in judge(rows, study.Config()) if v.claim == "norm-grad-3")
    assert verdict.estimate == pytest.approx(-0.03, abs=0.01)


def test_scenes_without_a_correlation_are_dropped_and_counted():
    rows = table()
    lost = (rows["measure"] == "sensitivity") & (rows["layer"] == "last") & (rows["scene"] == 1) & (rows["seed"] == 0)
    rows.loc[lost, "value"] = float("nan")
    verdict = next(v for v in judge(rows, study.Config()) if v.claim == "norm-grad-3")
    assert verdict.verdict == "holds"
    assert "1 scenes without a correlation" in verdict.detail


def test_smoke(tmp_path):
    found = run(load("norm-grad"), "smoke", out=tmp_path, workers=0)
    assert [verdict.claim for verdict in found.verdicts] == ["norm-grad-1", "norm-grad-2", "norm-grad-3", "norm-grad-4"]
    assert set(found.figures) == {"depth", "combination", "meta", "virtual", "examples"}
    counts = found.rows["measure"].value_counts()
    assert counts["pointing"] == 20 * 5 * (4 + 1)
    assert counts["sensitivity"] == 20 * 5 * 4 * 2
    assert counts["agreement"] == 20 * 4 * 2
    assert counts["example"] == 1 + 5 * 4
    assert found.rows.loc[found.rows["measure"] == "pointing", "value"].isin([0, 0.5, 1]).all()


@pytest.fixture
def tiny_hub(make_hub):
    return make_hub(classes=5)


def test_the_paper_preset_on_a_tiny_set(tiny_hub, tmp_path):
    preset = load("norm-grad").configuration("paper")
    assert [setting.data for setting in preset.settings] == ["uoft-cs/cifar10", "zalando-datasets/fashion_mnist"]
    small = {"widths": (4, 4, 6, 6), "epochs": 1, "batch_size": 8, "test_images": 6}
    settings = tuple(
        dataclasses.replace(setting, data=name, **small)
        for setting, name in zip(preset.settings, (tiny_hub, CANVASES), strict=True)
    )
    settings = (settings[0], dataclasses.replace(settings[1], train_images=16))
    config = dataclasses.replace(preset, seeds=1, settings=settings, rates=(1e-2,))
    cells = load("norm-grad").cells(config)
    rows = pd.DataFrame([{"cell": cell.name, **row} for cell in cells for row in study.measure(cell)])
    assert set(rows["data"]) == {tiny_hub, CANVASES}
    assert set(rows.loc[rows["measure"] == "agreement", "layer"]) == {f"stage{n}.block2.conv2" for n in range(1, 5)}
    assert len(judge(rows, config)) == 4
    assert {"examples-colours", "examples-canvases"} < set(draw(rows, config))


def test_mosaics_show_different_classes_each_in_its_field():
    labels = torch.arange(6).repeat(4)
    data = Dataset(labels[:, None, None, None].expand(24, 3, 4, 5).float(), labels)
    scenes = mosaics(data, 30, seed=1)
    assert scenes.images.shape == (30, 3, 8, 10)
    assert (scenes.masks.sum((2, 3)) == 20).all()
    assert (scenes.masks.sum(1) == 1).all()
    for image, classes, masks in zip(scenes.images, scenes.classes, scenes.masks, strict=True):
        assert len(classes.unique()) == 4
        for label, mask in zip(classes, masks, strict=True):
            assert (image[:, mask] == label).all()
    assert torch.equal(mosaics(data, 30, seed=1).images, scenes.images)
    assert not torch.equal(mosaics(data, 30, seed=2).images, scenes.images)


def test_mosaics_need_enough_classes():
    with pytest.raises(InputError, match="a mosaic needs 4 classes"):
        mosaics(Dataset(torch.rand(6, 1, 4, 4), torch.tensor([0, 1, 2, 0, 1, 2])), 3)


def test_canvases_must_be_counted():
    with pytest.raises(InputError, match="how many canvases"):
        trained(Setting(train_images=None), 0)


def test_batches_of_scenes_leave_none_out():
    scenes = Scenes(torch.rand(7, 1, 4, 4), torch.zeros(7, 2).long(), torch.zeros(7, 2, 4, 4).bool())
    parts = list(scenes.batches(3))
    assert [list(numbers) for numbers, _ in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert torch.equal(torch.cat([part.images for _, part in parts]), scenes.images)


def test_pictures_survive_as_text():
    picture = torch.rand(5, 7)
    assert (from_text(as_text(picture)) - picture).abs().max() <= 0.5 / 255 + 1e-6
