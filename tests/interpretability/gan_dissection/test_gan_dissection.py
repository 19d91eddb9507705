"""Dissection against scikit-learn, brute force and closed forms; its manners; bad input."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score, mutual_info_score
from torch import nn

from netopsy import InputError
from netopsy.core.capture import layer_activations
from netopsy.data import scenes
from netopsy.interpretability.dissection.edges import edges_at, levels_of, tables_above
from netopsy.interpretability.dissection.pixels import pixels_of
from netopsy.interpretability.dissection.tables import Tables
from netopsy.interpretability.gan_dissection import Observed, dissect, dissect_observed, observe, observing, tail_level
from netopsy.interpretability.gan_dissection.stage import hard
from netopsy.interpretability.maps import bilinear
from netopsy.models import small_conv_net, upsampling_generator


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def sample(n=12, units=5, grid=(4, 3), size=(9, 7), *, multi=False, seed=0):
    """Maps behind a ReLU, one unit always 0, one never, and masks that follow the first unit in part."""
    maps = torch.randn(n, units, *grid, generator=random(seed)).relu()
    maps[:, 1] = 0
    maps[:, 2] = 1e3 + torch.rand(n, *grid, generator=random(seed + 1))
    labels = torch.tensor([0, 2, 3])[torch.randint(3, (n, *size), generator=random(seed + 2))]
    labels[bilinear(maps, size)[:, 0] > 0.8] = 1
    masks = labels[:, None] == torch.arange(4)[:, None, None]
    if multi:
        masks = masks | (torch.rand(masks.shape, generator=random(seed + 3)) < 0.1)
    return Observed(maps, masks)


def table(both, high, there, pixels):
    return Tables(*(torch.tensor(count) for count in (both, high, there, pixels)))


def test_the_ratio_is_known():
    known = table(10_000, 15_000, 20_000, 100_000)
    assert known.ratio().item() == pytest.approx(0.117480, abs=1e-6)
    assert known.iou().item() == pytest.approx(0.4)
    mutual = 0.1 * math.log(0.1 / 0.03) + 0.05 * math.log(0.05 / 0.12) + 0.1 * math.log(0.1 / 0.17)
    mutual += 0.75 * math.log(0.75 / 0.68)
    assert mutual == pytest.approx(0.097046, abs=1e-6)
    assert mutual / known.ratio().item() == pytest.approx(0.826065, abs=1e-6)


def test_the_ratio_at_its_ends():
    assert table(30, 30, 30, 100).ratio().item() == pytest.approx(1)
    assert table(30, 30, 30, 100).iou().item() == 1
    assert table(6, 20, 30, 100).ratio().item() == pytest.approx(0, abs=1e-12)  # independent
    assert table(0, 0, 0, 100).ratio().item() == table(0, 0, 0, 100).iou().item() == 0
    assert table(0, 0, 0, 0).ratio().item() == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=60))
def test_the_ratio_is_that_of_scikit_learns_information(pairs):
    high, there = (np.array(one, dtype=int) for one in zip(*pairs, strict=True))
    counts = table(int((high & there).sum()), int(high.sum()), int(there.sum()), len(pairs))
    codes = 2 * high + there
    joint = mutual_info_score(codes, codes)
    expected = mutual_info_score(high, there) / joint if joint > 1e-12 else 0
    assert counts.ratio().item() == pytest.approx(expected, abs=1e-9)
    assert counts.accuracy().item() == pytest.approx((high == there).mean())


@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("partly", [False, True])
def test_counts_at_every_level_are_those_of_brute_force(multi, partly):
    seen = sample(multi=multi)
    counted = torch.rand(12, 4, generator=random(5)) < 0.6 if partly else None
    pixels = pixels_of(seen.masks, counted)
    edges = edges_at(seen.maps, pixels.size, torch.logspace(-3, 0, 17).flip(0))
    assert (edges.diff(dim=1) >= 0).all()
    found = tables_above(seen.maps, pixels, edges)
    above = bilinear(seen.maps, pixels.size)[:, :, None] > levels_of(edges)[:, :, None, None]
    allowed = torch.ones(12, 4, dtype=torch.bool) if counted is None else counted
    masks = seen.masks & allowed[:, :, None, None]
    assert torch.equal(found.both, torch.einsum("nukhw,nchw->ukc", above.double(), masks.double()).long())
    high = torch.einsum("nuk,nc->ukc", above.sum((3, 4)).double(), allowed.double()).long()
    assert torch.equal(found.high.expand_as(found.both), high)
    assert torch.equal(found.there, masks.sum((0, 2, 3)))
    assert torch.equal(found.pixels, allowed.sum(0) * 63)


def test_levels_are_quantiles_to_a_thousandth():
    maps = torch.rand(40, 3, 8, 8, generator=random()) * torch.tensor([1.0, 50.0, 1e-3])[:, None, None]
    fractions = torch.tensor([0.5, 0.1, 0.01])
    found = levels_of(edges_at(maps, (16, 16), fractions))
    values = bilinear(maps, (16, 16)).transpose(0, 1).flatten(1)
    expected = torch.stack([values.quantile(1 - float(fraction), dim=1) for fraction in fractions], 1)
    torch.testing.assert_close(found, expected, rtol=1.1e-3, atol=0)


@pytest.mark.parametrize("fraction", [0.005, 0.03, 0.5])
def test_the_fixed_level_is_torchs_quantile(fraction):
    maps = torch.randn(30, 4, 5, 6, generator=random())
    values = bilinear(maps, (12, 11)).transpose(0, 1).flatten(1)
    torch.testing.assert_close(tail_level(maps, fraction, (12, 11)), values.quantile(1 - fraction, dim=1))


@pytest.mark.parametrize("threshold", ["iqr", ("quantile", 0.05), torch.tensor([0.3, 0.1, 2.0, -1.0, 0.7])])
def test_iou_is_scikit_learns_at_the_reported_level(threshold):
    chooses, measured = sample(n=40), sample(n=30, seed=9)
    report = dissect_observed(measured, chooses, threshold=threshold, labels="abcd")
    above = bilinear(measured.maps, (9, 7))[:, :, None] > report.level[:, :, None, None]
    for unit in range(5):
        for number in range(4):
            high, there = above[:, unit, number].flatten().numpy(), measured.masks[:, number].flatten().numpy()
            assert report.iou[unit, number].item() == pytest.approx(jaccard_score(there, high, zero_division=0))
            codes = 2 * high.astype(int) + there
            joint = mutual_info_score(codes, codes)
            ratio = mutual_info_score(high, there) / joint if joint else 0
            assert report.iqr[unit, number].item() == pytest.approx(ratio, abs=1e-9)
    assert report.label[0] == 1
    assert torch.equal(report.label_iou, report.iou.max(1).values)


def test_the_level_is_the_best_of_brute_force_in_the_sample_that_chooses():
    seen = sample(n=60)
    report = dissect_observed(seen, seen)
    high = bilinear(seen.maps, (9, 7))[:, 0].flatten()
    there = seen.masks[:, 1].flatten()
    best = 0.0
    for level in high[high > 0].unique()[::7]:
        above = high > level
        counts = table(int((above & there).sum()), int(above.sum()), int(there.sum()), len(high))
        if counts.accuracy() > 0.8:
            best = max(best, counts.ratio().item())
    assert best > 0.1
    assert report.iqr[0, 1].item() == pytest.approx(best, rel=0.02)


def test_levels_that_are_not_allowed_are_infinite():
    seen = sample(n=40)
    report = dissect_observed(seen, seen)
    assert report.level[1].isinf().all()  # a unit that is always 0
    assert (report.iou[1] == 0).all()
    assert not report.interpretable[1]
    half = Observed(seen.maps, torch.rand(seen.masks.shape, generator=random()) < 0.5)
    assert dissect_observed(half, half).level.isinf().all()  # agreement in half of the pixels only
    few = seen.masks.clone()
    few[:, 3] = False
    few[0, 3, 0, 0] = True  # less than a thousandth of the pixels
    assert dissect_observed(seen, Observed(seen.maps, few)).level[0, 3].isinf()


def test_sums_go_over_the_sample_before_the_division():
    maps, masks = torch.zeros(2, 1, 1, 4), torch.zeros(2, 1, 1, 4, dtype=torch.bool)
    maps[0, 0, 0, :3], masks[0, 0, 0, 2:] = 1, True
    maps[1, 0, 0, 0], masks[1, 0, 0, 0] = 1, True
    report = dissect_observed(Observed(maps, masks), None, threshold=torch.tensor([0.5]))
    assert report.iou.item() == pytest.approx((1 + 1) / (4 + 1))  # the mean of the two images is (1/4 + 1) / 2


def test_images_not_labelled_for_a_class_do_not_count_for_it():
    seen = sample(n=20)
    counted = torch.ones(20, 4, dtype=torch.bool)
    counted[10:, 1] = False
    fewer = Observed(seen.maps, seen.masks, counted)
    part = seen.part(slice(10))
    found, alone, all_of_them = (
        dissect_observed(one, None, threshold=torch.full((5,), 0.5)) for one in (fewer, part, seen)
    )
    torch.testing.assert_close(found.iou[:, 1], alone.iou[:, 1])
    torch.testing.assert_close(found.iqr[:, 1], alone.iqr[:, 1])
    torch.testing.assert_close(found.iou[:, 0], all_of_them.iou[:, 0])


def test_many_classes_are_packed_in_several_words():
    masks = torch.rand(3, 150, 4, 4, generator=random()) < 0.5
    pixels = pixels_of(masks)
    assert torch.equal(pixels.members[pixels.code].bool(), masks.permute(0, 2, 3, 1).flatten(0, 2))


def test_the_background_is_no_label_and_classes_are_named():
    seen = sample()
    report = dissect_observed(seen, seen, threshold=torch.zeros(5), background=1, labels=["a", "b", "c", "d"])
    assert 1 not in report.label
    assert report.classes == ("a", "b", "c", "d")
    assert report.best(1, 1).tolist() == [0]


# ---- on networks


@pytest.fixture
def generator():
    """A small generator whose images are not all alike."""
    made = upsampling_generator(6, widths=(6, 5, 4), seed=1)
    made.train()
    with torch.no_grad():
        made(torch.randn(200, 6, generator=random()))
    return made.eval()


def colours(images):
    """A segmenter: which of the three colours is strongest."""
    return images


def test_a_generators_report_is_that_of_what_it_shows(generator):
    z = torch.randn(60, 6, generator=random(1))
    report = dissect(generator, "layer3", colours, z, labels=["red", "green", "blue"], batch_size=7)
    with torch.no_grad():
        images = generator(z)
    seen = observe(generator, "layer3", colours, z)
    assert torch.equal(seen.masks, hard(images, multi_label=False))
    again = dissect_observed(seen.part(slice(30, 60)), seen.part(slice(30)))
    torch.testing.assert_close(report.iou, again.iou)
    torch.testing.assert_close(dissect(generator, "layer3", colours, z[30:], z_threshold=z[:30]).iou, again.iou)


def test_the_model_is_left_as_it_was(generator, left_as_found):
    generator.train()
    segmenter = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    z = torch.randn(20, 6, generator=random())
    before = left_as_found(generator), left_as_found(segmenter)
    dissect(generator, "layer2", segmenter, z)
    assert (left_as_found(generator), left_as_found(segmenter)) == before


def test_a_classifiers_layer_against_the_masks_of_its_images():
    net, drawn = small_conv_net(channels=3, classes=4), scenes(40)
    report = dissect(net, "features.act2", drawn.masks, drawn.images, threshold=("quantile", 0.02))
    maps = layer_activations(net, drawn.images, "features.act2")["features.act2"]
    seen = Observed(maps, drawn.masks)
    again = dissect_observed(seen.part(slice(20, 40)), seen.part(slice(20)), threshold=("quantile", 0.02))
    torch.testing.assert_close(report.iou, again.iou)
    assert report.iou.max() > 0


def test_double_precision_and_shortcuts_are_no_matter(net, images):
    masks = images[:, :2] > 0
    report = dissect(net, "block", masks, images, threshold=torch.full((4,), 0.1))
    assert report.iou.shape == (4, 2)


def test_the_report_is_drawn():
    seen = sample(n=40)
    report = dissect_observed(seen, seen, threshold=torch.full((5,), 0.8), labels=["a", "b", "c", "d"])
    drawn = report.plot()
    bars = [label.get_text() for label in drawn.get_yticklabels()]
    assert "b" in bars


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g, z: dissect(g, "nosuch", colours, z), "unknown layer 'nosuch'"),
        (lambda g, z: dissect(g, "", colours, z), "got its input"),
        (lambda g, z: dissect(g, "unflatten", None, z), "segmenter must be callable or masks"),
        (lambda g, z: dissect(g, "layer2", colours, z[0]), "z must be a float batch"),
        (lambda g, z: dissect(g, "layer2", colours, z.long()), "z must be a float batch"),
        (lambda g, z: dissect(g, "layer2", colours, z[:, :2]), "do not go through the network"),
        (lambda g, z: dissect(g, "layer2", colours, z[:1]), "at least 2"),
        (lambda g, z: dissect(g, "layer2", colours, z / 0), "NaN or infinite"),
        (lambda g, z: dissect(g, "layer2", lambda x: x.mean(1), z), r"segmenter must return \[batch, classes"),
        (lambda g, z: dissect(g, "layer2", lambda x: x < -5, z), "no class is present"),
        (lambda g, z: dissect(g, "layer2", colours, z, threshold="otsu"), "threshold must be 'iqr'"),
        (lambda g, z: dissect(g, "layer2", colours, z, threshold=("quantile", 2.0)), "threshold must be 'iqr'"),
        (lambda g, z: dissect(g, "layer2", colours, z, threshold=torch.ones(9)), r"threshold must be \[5\] levels"),
        (lambda g, z: dissect(g, "layer1", colours, z, threshold=("quantile", 1e-6)), "z is too small for a tail"),
        (lambda g, z: dissect(g, "layer2", colours, z, labels=["a"]), "labels must be as many"),
        (lambda g, z: dissect(g, "layer2", colours, z, background=7), "background must be from 0 to 2"),
        (lambda g, z: dissect(g, "layer2", torch.ones(3, 1, 4, 4), z), r"masks \[20, classes"),
        (lambda g, z: dissect(g, "layer2", colours, z, batch_size=0), "batch_size must be an int of at least 1"),
        (lambda g, z: dissect(nn.Flatten(), "x", colours, z), "unknown layer"),
        (lambda g, z: dissect(nn.Sequential(nn.Linear(6, 3)), "0", colours, z), r"must put out \[batch, units"),
    ],
)
def test_bad_input_is_named_in_one_sentence(generator, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(generator, torch.randn(20, 6, generator=random()))


@pytest.mark.parametrize("threshold", ["iqr", ("quantile", 0.1), torch.tensor([0.1, 0.4, 0.8])])
@pytest.mark.parametrize(("other", "masks"), [(False, False), (True, False), (False, True)])
def test_what_is_measured_is_counted_batch_by_batch_and_not_kept(threshold, other, masks, monkeypatch):
    random = torch.Generator().manual_seed(0)
    net, z, more = (
        nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU()),
        *torch.rand(2, 23, 1, 6, 6, generator=random),
    )
    there = torch.rand(23, 2, 6, 6, generator=random) > 0.6
    counted = torch.rand(23, 2, generator=random) > 0.3 if masks else None

    def segment(made):
        return torch.cat([made[:, :1] - 0.2, 0.3 - made[:, 1:2]], 1)

    given = {"multi_label": True, "batch_size": 4}
    seen = observe(net, "1", there if masks else segment, z, counted=counted, **given)
    if other and not isinstance(threshold, torch.Tensor):
        measured, chooses = seen, observe(net, "1", segment, more, **given)
    elif isinstance(threshold, torch.Tensor):
        measured, chooses = seen, None
    else:
        measured, chooses = seen.part(slice(11, None)), seen.part(slice(11))
    expected = dissect_observed(measured, chooses, threshold=threshold)
    kept = []
    whole = observing.joined

    def watched(parts):
        found = whole(parts)
        kept.append(len(found.maps))
        return found

    monkeypatch.setattr(observing, "joined", watched)
    options = given | {"threshold": threshold, "counted": counted, "z_threshold": more if other else None}
    found = dissect(net, "1", there if masks else segment, z, **options)
    for name in ("iou", "iqr", "level", "label", "label_iou", "interpretable"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0)
    assert kept == ([] if chooses is None else [23] if other else [11])
