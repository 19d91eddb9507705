import numpy as np
import pytest
import torch
from tests.studies.made_up import verdicts

from netopsy import InputError
from netopsy.interpretability.localisation import localisation_error, tight_boxes
from netopsy.lab.subjects.heads import other_heads
from netopsy.lab.subjects.images import ImageSubject, scenes_of, trained
from netopsy.studies.interpretability.eigen_cam import METHODS, best_thresholds

USUAL = {"Eigen-CAM": 0.05, "Grad-CAM": 0.2, "Grad-CAM++": 0.15, "energy": 0.3, "channel mean": 0.3}


def table(clean=(), noise=(), mistaken=(), same=1.0, mistakes=80, spread=0.01):
    """Made-up rows of 6 runs: errors by condition, on misclassified images, and what other heads change."""
    random, rows = np.random.default_rng(0), []
    errors = {
        "clean": USUAL | dict(clean),
        "noise": {**USUAL, "Grad-CAM": 0.5} | dict(noise),
        "half trained": USUAL,
    }
    for seed in range(6):
        for condition, by_method in errors.items():
            at = {"condition": condition, "seed": seed}
            rows.append({**at, "measure": "accuracy", "value": 0.5, "mistakes": mistakes})
            for layer in ("third", "last"):
                for name in METHODS:
                    if name == "CAM" and layer == "third":
                        continue
                    value = by_method.get(name, 0.5)
                    wrong = ({"Grad-CAM": 0.6} | dict(mistaken)).get(name, value)
                    shaken = {"value": value, "misclassified": wrong, "recognised": value}
                    shaken = {key: each + float(random.normal(0, spread)) for key, each in shaken.items()}
                    rows.append({**at, "measure": "error", "layer": layer, "method": name, **shaken})
        for change in ("randomised", "deleted"):
            rows.append({"measure": "head", "condition": change, "seed": seed, "layer": "third", "value": same})
    return rows


def verdict(number, **options):
    return verdicts("eigen-cam", table(**options))[number]


def test_all_hold_where_the_rows_say_so():
    found = verdicts("eigen-cam", table())
    assert [each.verdict for each in found.values()] == ["holds", "holds", "holds", "undecided"]
    assert found[1].estimate == pytest.approx(0.1, abs=0.02)
    assert found[2].estimate == pytest.approx(0.45, abs=0.03)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"clean": {"Grad-CAM++": 0.02}}, "does not hold"),  # the better of the two counts
        (1, {"clean": {"Eigen-CAM": 0.12}, "spread": 0.05}, "undecided"),
        (2, {"noise": {"Grad-CAM": 0.05}}, "does not hold"),
        (2, {"noise": {"Grad-CAM++": 0.01}}, "holds"),  # speaks of Grad-CAM alone
        (3, {"same": 0.0}, "does not hold"),
        (3, {"mistaken": {"Eigen-CAM": 0.5}}, "does not hold"),
        (3, {"mistaken": {"Grad-CAM": 0.01}}, "does not hold"),
        (3, {"mistakes": 5}, "undecided"),  # 30 misclassified
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_maps_that_do_better_are_named():
    assert "a trivial map" not in verdict(1).note
    assert "energy" in verdict(1, clean={"energy": 0.04}).note
    better = verdict(2, noise={"Grad-CAM++": 0.01, "energy": 0.02}).note
    assert "Grad-CAM++ (0.01" in better
    assert "energy (0.02" in better
    assert verdict(2).note == ""


def test_other_heads_differ_and_the_network_itself_stays():
    model = trained(ImageSubject(objects=1, train_images=50, test_images=4, epochs=1), 0).model
    images = torch.rand(3, 1, 24, 24)
    before = model(images)
    for _, other in other_heads(model, 0):
        assert not torch.equal(other(images)[:, :10], before)
    assert torch.equal(model(images), before)


def test_thresholds_are_those_of_least_error():
    maps = torch.rand(30, 8, 8)
    boxes = tight_boxes(maps > 0.7)
    tried = (0.2, 0.5, 0.7, 0.9)
    chosen = best_thresholds({("layer", "method"): maps}, boxes, tried)["layer", "method"]
    assert localisation_error(maps, boxes, chosen) == min(localisation_error(maps, boxes, each) for each in tried)


def test_canvases_must_be_counted():
    with pytest.raises(InputError, match="how many canvases"):
        scenes_of(ImageSubject(train_images=None), "train", 0)
