"""The study of what a network sees: verdicts on made-up rows, what is special in its measures."""

import numpy as np
import pytest
import torch
from scipy import stats
from tests.studies.made_up import verdicts

from netopsy.core.seeds import derive
from netopsy.core.split import run_to
from netopsy.data.concept_images import concept_images
from netopsy.interpretability.cnn_visualization import strengths, windows
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.lab import Tables
from netopsy.lab.subjects.figures import FigureSetting, named_figures
from netopsy.lab.subjects.patches import LAYERS, PatchSetting, network, trained
from netopsy.studies.interpretability.cnn_visualization.judge import ranks_by_run

SMALL = PatchSetting(train_images=64, test_images=32, widths=(3, 4, 5), hidden=8, epochs=1)
FIGURES = FigureSetting(60, 60, size=16, widths=(4, 6), strides=(2, 1), epochs=1)


def synthesis_rows(gain=0.4, spread=0.1, errors=(0.1, 0.3, 0.5), noise=0.01, seeds=4):
    """A made-up table: what a second network makes of preferred images, and errors by layer."""
    random, rows = torch.Generator().manual_seed(0), []

    def normal(mean, sd):
        return mean + sd * float(torch.randn((), generator=random))

    for seed in range(seeds):
        for name in "abcdefghijklmnop":
            for condition in ("none", "blur", "blur + TV + jitter"):
                mean = 0.1 + (gain if condition == "blur + TV + jitter" else 0)
                judged = {"measure": "judged", "seed": seed, "class": name, "condition": condition}
                rows.append({**judged, "value": normal(mean, spread)})
        rows += [{"measure": "natural", "seed": seed, "condition": who, "value": 0.6} for who in ("own", "judge")]
        for way in ("inverted", "expected"):
            for image in range(12):
                for depth, mean in enumerate(errors):
                    at = {"measure": way, "seed": seed, "image": image, "layer": f"layer{depth}", "depth": depth}
                    rows.append({**at, "value": normal(mean, noise)})
    return rows


def unit_rows(first=1.0, last=3.0, settling=0.8, own=12, other=9.0, seeds=4, rotations=10):
    """A made-up table: epochs until filters settle, and unique detectors of units and of rotated bases."""
    random, rows = torch.Generator().manual_seed(0), []

    def normal(mean, sd):
        return mean + sd * float(torch.randn((), generator=random))

    for seed in range(seeds):
        for depth, (layer, mean, count) in enumerate((("one", first, 12), ("two", 2.0, 24), ("three", last, 48))):
            at = {"seed": seed, "layer": layer, "depth": depth}
            rows += [{"measure": "alike", **at, "epoch": float(e), "value": e / 3} for e in range(4)]
            rows += [{"measure": "settled", **at, "unit": u, "value": normal(mean, settling)} for u in range(count)]
            rows.append({"measure": "settled", **at, "unit": count, "value": None})
        rows.append({"measure": "accuracy", "seed": seed, "weights": "trained", "value": 0.9})
        for weights, (before, after) in {"trained": (own, other), "random weights": (1, 1.0)}.items():
            counts = {"measure": "unique", "seed": seed, "weights": weights, "detectors": 9, "match": 0.1}
            rows.append({**counts, "rotation": -1, "share": 0.0, "value": before})
            for rotation in range(rotations):
                for share in (0.5, 1.0):
                    value = round(normal(after, 1.0)) if share == 1 else before
                    rows.append({**counts, "rotation": rotation, "share": share, "value": value})
    return rows


def verdict(number, **options):
    of_units = {"first", "last", "settling", "own", "other"}
    rows = synthesis_rows(**{key: value for key, value in options.items() if key not in of_units})
    rows += unit_rows(**{key: value for key, value in options.items() if key in of_units})
    return verdicts("cnn-visualization", rows)[number]


def test_all_hold_where_the_rows_say_so():
    found = verdicts("cnn-visualization", [*synthesis_rows(), *unit_rows()])
    assert [each.verdict for each in found.values()] == ["holds"] * 4
    assert found[1].estimate == pytest.approx(0.4, abs=0.05)
    assert found[3].estimate == pytest.approx(2.0, abs=0.3)
    assert found[4].estimate == pytest.approx(3.0, abs=0.5)


@pytest.mark.parametrize(
    ("number", "options", "answer"),
    [
        (1, {"gain": 0.02}, "does not hold"),
        (1, {"gain": 0.12, "spread": 0.3}, "undecided"),
        (2, {"errors": (0.5, 0.3, 0.1)}, "does not hold"),
        (2, {"errors": (0.3, 0.1, 0.5)}, "does not hold"),  # larger at the end, but not in order
        (2, {"errors": (0.1, 0.1, 0.1)}, "does not hold"),
        (3, {"last": 0.0}, "does not hold"),
        (3, {"last": 1.05, "settling": 2.0}, "undecided"),
        (4, {"other": 14.0}, "does not hold"),
        (4, {"other": 12.3}, "undecided"),
    ],
)
def test_each_claim_can_fail_and_stay_open(number, options, answer):
    assert verdict(number, **options).verdict == answer


def test_rank_correlations_are_scipys():
    random = np.random.default_rng(0)
    rows = [
        {"measure": "inverted", "seed": seed, "image": image, "depth": depth, "value": float(random.integers(4))}
        for seed in (0, 1)
        for image in range(5)
        for depth in range(4)
    ]
    found = ranks_by_run(Tables(rows), "inverted")
    for seed in (0, 1):
        own = np.array([row["value"] for row in rows if row["seed"] == seed]).reshape(5, 4)
        each = [stats.spearmanr(range(4), line).statistic if np.ptp(line) else 0.0 for line in own]
        assert found[seed] == pytest.approx(np.mean(each))


def test_the_best_strength_counts_and_every_strength_is_tried_alike():
    parts = trained(SMALL, 0)
    tried, images = (1e-4, 10.0), parts.test.inputs[:3]
    options = {"steps": 10, "lr": 0.1, "seed": 0}
    made, errors, chosen = strengths.invert_at_best_strength(parts.model, LAYERS[0], images, tried, **options)
    assert errors.shape == (2, 3)
    assert torch.equal(chosen, torch.tensor(tried)[errors.argmin(0)])
    assert made.shape == images.shape
    assert torch.equal(strengths.image_error(images, images), torch.zeros(3))
    assert torch.allclose(strengths.image_error(2 * images, images), torch.ones(3))


def test_networks_are_seeded_and_have_the_named_layers():
    model = network(SMALL, 0)
    names = dict(model.named_modules())
    assert all(layer in names for layer in LAYERS)
    assert model(torch.rand(2, 1, 32, 32)).shape == (2, 16)
    assert torch.equal(network(SMALL, 0).features.conv1.weight, model.features.conv1.weight)
    assert not torch.equal(network(SMALL, 1).features.conv1.weight, model.features.conv1.weight)
    kept = trained(SMALL, 0, keep_states=[0, SMALL.steps])
    assert torch.equal(kept.states[0]["features.conv1.weight"], model.features.conv1.weight)
    assert torch.equal(kept.states[SMALL.steps]["features.conv1.weight"], kept.model.features.conv1.weight)
    assert not kept.model.training


def test_a_filter_has_settled_when_it_stays():
    alike = torch.tensor([[1.0, 0.2, 0.95, 0.9], [0.5, 0.95, 0.95, 0.9], [0.95, 0.95, 0.95, 0.9], [1, 1, 1, torch.nan]])
    assert windows.settling(alike, 0.9) == [2, 1, 0, None]


def test_silent_filters_have_no_cosine():
    looks = torch.randn(3, 4, 1, 2, 2)
    looks[1, 0] = 0
    looks[2, 1] = 0
    found = windows.cosines(looks)
    assert found[1, 0] == 0
    assert bool(found[:, 1].isnan().all())
    expected = torch.cosine_similarity(looks[0, 2].flatten(), looks[2, 2].flatten(), dim=0)
    assert found[0, 2] == pytest.approx(float(expected), abs=1e-5)


def test_projections_of_the_first_layer_are_its_filters_wherever_their_image_is():
    parts = trained(SMALL, 0)
    images, layer = parts.train.inputs[:20], "features.act1"
    field = receptive_field(parts.model, layer, images)
    found = windows.projections(parts.model, layer, images, field)
    height = run_to(parts.model, layer, images).flatten(2).amax((0, 2)).detach()
    filters = parts.model.features.conv1.weight.detach()
    assert found.shape == filters.shape
    for unit in range(3):
        # Off the image's edge there is nothing.
        inside = found[unit] != 0
        assert bool(inside.any()) == bool(height[unit] > 0)
        torch.testing.assert_close(found[unit][inside], (filters[unit] * height[unit])[inside])


def test_top_windows_are_of_the_images_in_which_a_filter_is_highest():
    parts = trained(SMALL, 0)
    images, layer = parts.train.inputs[:20], "features.act1"
    field = receptive_field(parts.model, layer, images)
    projected, seen = windows.top_windows(parts.model, layer, images, field, 9)
    conv = parts.model.features.conv1
    assert projected.shape == seen.shape == (len(conv.weight), 9, 1, 5, 5)
    reached = (seen * conv.weight.detach()[:, None]).sum((2, 3, 4)) + conv.bias.detach()[:, None]
    highest = run_to(parts.model, layer, images).flatten(2).amax(2).detach().T.sort(descending=True).values[:, :9]
    torch.testing.assert_close(reached.relu(), highest)
    assert torch.equal(projected[:, 0], windows.projections(parts.model, layer, images, field))


def test_the_network_is_trained_to_name_what_it_is_dissected_on_and_not_shown_it():
    model, concepts, accuracy = named_figures(FIGURES, 0)
    assert 0 <= accuracy <= 1
    assert not model.training
    again = concept_images(60, size=16, seed=derive(0, "test"))
    assert torch.equal(concepts.images, again.images)
    assert not torch.equal(concept_images(60, size=16, seed=derive(0, "train")).images, again.images)
