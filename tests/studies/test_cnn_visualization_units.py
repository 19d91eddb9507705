"""The part of the study on units: when projections settle, what a rotated basis loses, verdicts on made-up tables."""

import dataclasses

import pandas as pd
import pytest
import torch
from scipy import stats

from netopsy.core.seeds import derive
from netopsy.core.split import run_to
from netopsy.data.concept_images import concept_images
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.lab import Cell
from netopsy.studies.interpretability import _cnn_units as units
from netopsy.studies.interpretability._cnn_units_figures import draw_units
from netopsy.studies.interpretability._cnn_units_verdicts import difference_of_means, judge_units
from netopsy.studies.interpretability._patch_networks import Setting

NETWORK = Setting(train_patches=64, test_patches=32, widths=(3, 4, 5), hidden=8, epochs=2, batch_size=10)
DECONV = units.DeconvSetting(images=20, looks=2, shown=2, columns=3)
DISSECTION = units.DissectionSetting(
    images=60, train_images=60, size=16, widths=(4, 6), strides=(2, 1), epochs=1, rotations=2, partly=1, sides=(16, 24)
)
DISSECTION = dataclasses.replace(DISSECTION, shares=(0.5,), counts=(2,))


def table(first=1.0, last=3.0, spread=0.8, own=12, other=9.0, seeds=3, rotations=10):
    """A made-up table: epochs until filters settle, and unique detectors of units and of rotated bases."""
    random, rows = torch.Generator().manual_seed(0), []

    def normal(mean, sd):
        return mean + sd * float(torch.randn((), generator=random))

    for seed in range(seeds):
        for depth, (layer, mean, count) in enumerate((("one", first, 12), ("two", 2.0, 24), ("three", last, 48))):
            at = {"seed": seed, "layer": layer, "depth": depth}
            rows += [{"measure": "alike", **at, "epoch": float(e), "value": e / 3} for e in range(4)]
            rows += [{"measure": "settled", **at, "unit": u, "value": normal(mean, spread)} for u in range(count)]
            rows.append({"measure": "settled", **at, "unit": count, "value": None})
        rows.append({"measure": "accuracy", "seed": seed, "weights": "trained", "value": 0.9})
        for weights, (before, after) in {"trained": (own, other), "random weights": (1, 1.0)}.items():
            counts = {"measure": "unique", "seed": seed, "weights": weights, "detectors": 9, "match": 0.1}
            rows.append({**counts, "rotation": -1, "share": 0.0, "value": before})
            for rotation in range(rotations):
                for share in (0.5, 1.0):
                    value = round(normal(after, 1.0)) if share == 1 else before
                    rows.append({**counts, "rotation": rotation, "share": share, "value": value})
    return pd.DataFrame(rows)


def test_both_claims_hold_where_the_table_says_so():
    settling, detectors = judge_units(table(), None)
    assert [settling.claim, detectors.claim] == ["cnn-visualization-3", "cnn-visualization-4"]
    assert (settling.verdict, detectors.verdict) == ("holds", "holds")
    assert settling.estimate == pytest.approx(2.0, abs=0.3)
    assert "left out: 9" in settling.detail
    assert "untrained with the last projection: one 0.00" in settling.detail
    assert detectors.estimate == pytest.approx(3.0, abs=0.5)
    assert "fall by 2" in detectors.detail


@pytest.mark.parametrize(
    ("name", "options", "answer"),
    [
        ("cnn-visualization-3", {"last": 0.0}, "does not hold"),
        ("cnn-visualization-3", {"last": 1.05, "spread": 2.0}, "undecided"),
        ("cnn-visualization-4", {"other": 14.0}, "does not hold"),
        ("cnn-visualization-4", {"other": 12.3}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(name, options, answer):
    assert next(each for each in judge_units(table(**options), None) if each.claim == name).verdict == answer


def test_the_interval_of_two_means_is_welchs():
    random = torch.Generator().manual_seed(0)
    ours, theirs = (pd.Series(sd * torch.randn(n, generator=random).numpy()) for n, sd in ((12, 1.0), (40, 3.0)))
    found = difference_of_means(ours, theirs)
    expected = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx(ours.mean() - theirs.mean())
    assert difference_of_means(ours[:2], theirs).low != difference_of_means(ours[:2], theirs).low  # not a number
    assert difference_of_means(pd.Series([2.0] * 3), pd.Series([1.0] * 4)).interval == (1.0, 1.0)


def test_a_filter_has_settled_when_it_stays():
    alike = torch.tensor([[1.0, 0.2, 0.95, 0.9], [0.5, 0.95, 0.95, 0.9], [0.95, 0.95, 0.95, 0.9], [1, 1, 1, torch.nan]])
    assert units.settling(alike, 0.9) == [2, 1, 0, None]


def test_silent_filters_have_no_cosine():
    looks = torch.randn(3, 4, 1, 2, 2)
    looks[1, 0] = 0
    looks[2, 1] = 0
    found = units.cosines(looks)
    assert found[1, 0] == 0
    assert bool(found[:, 1].isnan().all())
    expected = torch.cosine_similarity(looks[0, 2].flatten(), looks[2, 2].flatten(), dim=0)
    assert found[0, 2] == pytest.approx(float(expected), abs=1e-5)


def test_projections_of_the_first_layer_are_its_filters_wherever_their_image_is():
    parts = units.trained(NETWORK, 0)
    images, layer = parts.train.inputs[:20], "features.act1"
    field = receptive_field(parts.model, layer, images)
    found = units.projections(parts.model, layer, images, field)
    height = run_to(parts.model, layer, images).flatten(2).amax((0, 2)).detach()
    filters = parts.model.features.conv1.weight.detach()
    assert found.shape == filters.shape
    for unit in range(3):
        # Off the image's edge there is nothing.
        inside = found[unit] != 0
        assert bool(inside.any()) == bool(height[unit] > 0)
        torch.testing.assert_close(found[unit][inside], (filters[unit] * height[unit])[inside])


def test_small_runs_have_all_rows_and_figures():
    deconv = {"seed": 0, "network": dataclasses.asdict(NETWORK), "deconvnet": dataclasses.asdict(DECONV)}
    rows = units.measure_deconvnet(Cell("one", deconv).parameters)
    rows += units.measure_dissection(Cell("two", {"seed": 0, "dissection": dataclasses.asdict(DISSECTION)}).parameters)
    found = pd.DataFrame(rows)
    counts = found["measure"].value_counts()
    assert counts["alike"] == 3 * 5
    assert counts["settled"] == 3 + 4 + 5
    assert counts["projected"] == 3 * 2 * 3
    assert counts["unique"] == 2 * (1 + 2 + 1)
    assert counts["detected"] == 2 * 24
    assert counts["unit cost"] == 2 * 3
    last = found[(found["measure"] == "alike") & (found["epoch"] == 2)]["value"].dropna()
    assert last.to_numpy() == pytest.approx(1.0)
    assert set(draw_units(found, None)) == {"stabilisation", "projections", "rotation", "detectors", "units-cost"}
    assert [each.verdict for each in judge_units(found, None)][1] == "undecided"  # two rotations have no interval


def test_the_network_is_trained_to_name_what_it_is_dissected_on_and_not_shown_it():
    model, concepts, accuracy = units.named_figures(DISSECTION, 0)
    assert 0 <= accuracy <= 1
    assert not model.training
    again = concept_images(60, size=16, seed=derive(0, "test"))
    assert torch.equal(concepts.images, again.images)
    assert not torch.equal(concept_images(60, size=16, seed=derive(0, "train")).images, again.images)
