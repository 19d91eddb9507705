import dataclasses
import math

import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn

from netopsy import InputError
from netopsy.data import canvases
from netopsy.interpretability.localisation import localisation_error, tight_boxes
from netopsy.lab import run
from netopsy.studies import load
from netopsy.studies.interpretability import eigen_cam as study
from netopsy.studies.interpretability._eigen_cam_maps import best_thresholds, other_heads
from netopsy.studies.interpretability._eigen_cam_verdicts import METHODS, difference_of_shares, judge
from netopsy.studies.interpretability._pgd import pgd
from netopsy.studies.interpretability._single_objects import CANVASES, Setting, paste, trained

USUAL = {"Eigen-CAM": 0.05, "Grad-CAM": 0.2, "Grad-CAM++": 0.15, "energy": 0.3, "channel mean": 0.3}


def table(clean=None, noise=None, mistaken=None, same=1.0, mistakes=0.2, scenes=500, seeds=3):
    """A made-up table: errors of the methods by condition, on misclassified images, and what other heads change."""
    random, rows = torch.Generator().manual_seed(0), []
    errors = {
        "clean": USUAL | (clean or {}),
        "noise": {**USUAL, "Grad-CAM": 0.5} | (noise or {}),
        "half trained": USUAL,
    }
    for condition, by_method in errors.items():
        for seed in range(seeds):
            rows.append({"measure": "accuracy", "condition": condition, "seed": seed, "value": 0.0})
            for layer in ("third", "last"):
                for scene in range(scenes):
                    recognised = scene >= mistakes * scenes
                    changed = {} if recognised or condition != "half trained" else {"Grad-CAM": 0.6} | (mistaken or {})
                    wrong = {
                        name: int(torch.rand((), generator=random) < (by_method | changed).get(name, 0.5))
                        for name in METHODS
                        if name != "CAM" or layer == "last"
                    }
                    common = {"measure": "wrong", "condition": condition, "seed": seed, "layer": layer}
                    rows.append({**common, "scene": scene, "recognised": recognised, **wrong})
    rows += [
        {"measure": "head", "condition": change, "seed": 0, "layer": "third", "value": same}
        for change in ("randomised", "deleted")
    ]
    return pd.DataFrame(rows)


def verdict(name, **options):
    return next(each for each in judge(table(**options), study.Config()) if each.claim == name)


def test_all_hold_where_the_table_says_so():
    found = judge(table(), study.Config())
    assert [each.verdict for each in found] == ["holds", "holds", "holds", "undecided"]
    assert found[0].estimate == pytest.approx(0.1, abs=0.03)
    assert found[1].estimate == pytest.approx(0.45, abs=0.05)
    assert "energy" in found[3].detail


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("eigen-cam-1", {"clean": {"Grad-CAM++": 0.02}}, "does not hold"),  # the better of the two counts
        ("eigen-cam-1", {"clean": {"Eigen-CAM": 0.13}}, "undecided"),
        ("eigen-cam-2", {"noise": {"Grad-CAM": 0.05}}, "does not hold"),
        ("eigen-cam-2", {"noise": {"Grad-CAM++": 0.01}}, "holds"),  # speaks of Grad-CAM alone
        ("eigen-cam-3", {"same": 0.0}, "does not hold"),
        ("eigen-cam-3", {"mistaken": {"Eigen-CAM": 0.5}}, "does not hold"),
        ("eigen-cam-3", {"mistaken": {"Grad-CAM": 0.01}}, "does not hold"),
        ("eigen-cam-3", {"mistakes": 0.02}, "undecided"),  # 30 misclassified
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert verdict(name, **options).verdict == answer


def test_a_trivial_map_as_good_as_eigen_cam_is_named():
    assert "within 0.02 of Eigen-CAM or better" not in verdict("eigen-cam-1").detail
    assert "energy: within 0.02 of Eigen-CAM or better" in verdict("eigen-cam-1", clean={"energy": 0.04}).detail


def test_the_interval_of_a_difference_is_newcombes():
    """His example, 56/70 against 48/80: 0.2 with 0.0524 to 0.3339."""
    found = difference_of_shares(56, 70, 48, 80)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_the_interval_of_a_difference_covers():
    n, m, p, q = 25, 40, 0.1, 0.3
    inside = sum(
        stats.binom.pmf(i, n, p) * stats.binom.pmf(j, m, q)
        for i in range(n + 1)
        for j in range(m + 1)
        if difference_of_shares(i, n, j, m).low <= p - q <= difference_of_shares(i, n, j, m).high
    )
    assert 0.93 < inside < 0.98


def test_smoke(tmp_path):
    found = run(load("eigen-cam"), "smoke", out=tmp_path, workers=0)
    assert [each.claim for each in found.verdicts] == ["eigen-cam-1", "eigen-cam-2", "eigen-cam-3", "eigen-cam-4"]
    assert set(found.figures) == {"threshold", "noise", "mistakes", "examples", "cost"}
    counts = found.rows["measure"].value_counts()
    assert counts["wrong"] == 40 * 2 * 3
    assert counts["threshold"] == 6 * (8 + 9)
    assert counts["head"] == 3 * 2
    assert counts["cost"] == counts["cost by units"] == 2 * 2
    assert (found.rows.loc[found.rows["measure"] == "head", "value"] == 1).all()


@pytest.fixture
def tiny_hub(make_hub):
    return make_hub()


def test_the_paper_preset_on_a_tiny_set(tiny_hub):
    preset = load("eigen-cam").configuration("paper")
    assert (preset.setting.data, preset.seeds, preset.setting.test_images) == ("uoft-cs/cifar10", 5, 5000)
    small = {"widths": (4, 4, 6, 6), "epochs": 1, "batch_size": 8, "test_images": 12, "attack_steps": 1}
    setting = dataclasses.replace(preset.setting, data=tiny_hub, **small)
    config = dataclasses.replace(preset, seeds=1, setting=setting, calibration=4, sides=(16,))
    cells = load("eigen-cam").cells(config)
    rows = pd.DataFrame([{"cell": cell.name, **row} for cell in cells for row in study.measure(cell)])
    assert set(rows.loc[rows["measure"] == "wrong", "layer"]) == {"stage3", "stage4"}
    assert len(judge(rows, config)) == 4


def test_pasted_images_are_where_their_boxes_say():
    images = 1 + torch.rand(20, 3, 5, 4)
    textures = torch.rand(2, 30, 40)
    shown, boxes = paste(images, textures, 15, torch.Generator().manual_seed(0))
    assert shown.shape == (20, 3, 15, 15)
    for canvas, box, image in zip(shown, boxes.tolist(), images, strict=True):
        assert torch.equal(canvas[:, box[0] : box[2], box[1] : box[3]], image)
        assert (canvas >= 1).sum() == 3 * 20
    assert torch.equal(tight_boxes(shown[:, 0] >= 1), boxes)
    assert len(boxes.unique(dim=0)) > 5


def test_single_digits_have_one_box_and_a_class(unchecked):
    drawn = canvases(30, objects=1, seed=3)
    assert drawn.boxes.shape == (30, 1, 24, 24)
    assert (drawn.boxes.sum((2, 3)) == 64).all()
    assert torch.equal(drawn.dataset().targets, drawn.classes[:, 0])
    assert torch.equal(drawn.labels.argmax(1), drawn.classes[:, 0])
    with pytest.raises(InputError, match="objects must be 1 or 2, got 3"):
        canvases(3, objects=3)


def test_adversarial_noise_stays_in_its_ball_and_raises_the_loss():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 4)).train()
    images, labels = torch.rand(8, 1, 6, 6), torch.arange(8) % 4
    found = pgd(net, images, labels, radius=0.1, step=0.02, steps=10)
    assert (found - images).abs().max() <= 0.1 + 1e-6
    assert found.min() >= 0
    assert found.max() <= 1
    before, after = (nn.functional.cross_entropy(net(x), labels, reduction="none") for x in (images, found))
    assert (after > before).all()
    assert net.training
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    # A linear network of two classes has a known worst case: every pixel moves as far as it may.
    two = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    direction = (two[1].weight[1] - two[1].weight[0]).sign().reshape(6, 6)
    expected = (images + 0.1 * direction).clamp(0, 1)
    torch.testing.assert_close(pgd(two, images, torch.zeros(8).long(), radius=0.1, step=0.03, steps=9), expected)
    with pytest.raises(InputError, match="must be positive"):
        pgd(net, images, labels, radius=0.0)


def test_other_heads_differ_and_the_network_itself_stays():
    model = trained(Setting(train_images=50, test_images=4, epochs=1), 0)[0]
    images = torch.rand(3, 1, 24, 24)
    before = model(images)
    for _, other in other_heads(model, 0):
        assert other(images).shape[0] == 3
        assert not torch.equal(other(images)[:, :10], before)
    assert torch.equal(model(images), before)


def test_thresholds_are_those_of_least_error():
    maps = torch.rand(30, 8, 8)
    boxes = tight_boxes(maps > 0.7)
    chosen = best_thresholds({"layer": {"method": maps}}, boxes, (0.2, 0.5, 0.7, 0.9))["layer"]["method"]
    assert localisation_error(maps, boxes, chosen) == min(
        localisation_error(maps, boxes, each) for each in (0.2, 0.5, 0.7, 0.9)
    )


def test_canvases_must_be_counted():
    with pytest.raises(InputError, match="how many canvases"):
        trained(Setting(data=CANVASES, train_images=None), 0)
    assert math.isclose(Setting().radius, 0.1)
