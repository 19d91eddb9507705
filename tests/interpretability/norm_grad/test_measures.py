"""Combining layers, class sensitivity, the pointing game: against scipy, loops and closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from torch import nn

from netopsy import InputError
from netopsy.interpretability.maps import rescaled, resized
from netopsy.interpretability.norm_grad import (
    class_sensitivity,
    combine_layers,
    norm_grad,
    pointing_accuracy,
    pointing_game,
    rank_correlation,
)

values = st.integers(-4, 4).map(float)  # few values, so that ties are common
grids = arrays(np.float64, (2, 3, 4), elements=values).map(torch.from_numpy)


@settings(max_examples=50, deadline=None)
@given(grids, st.floats(0.1, 100), st.floats(-100, 100))
def test_rescaling_runs_from_0_to_1_and_forgets_scale_and_offset(maps, scale, offset):
    once = rescaled(maps)
    for before, after in zip(maps, once, strict=True):
        ends = (0, 0) if before.min() == before.max() else (0, 1)
        assert (after.min(), after.max()) == ends
    torch.testing.assert_close(rescaled(once), once)
    torch.testing.assert_close(rescaled(scale * maps + offset), once, atol=1e-9, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_constant_map_stays_constant_through_resizing(dtype):
    maps = torch.tensor([0.1, 1e-12, 3e7, -0.7, 0.0], dtype=dtype)[:, None, None].expand(5, 3, 4)
    assert (rescaled(resized(maps, (13, 17))) == 0).all()


def test_small_maps_are_no_constant_maps():
    maps = torch.tensor([[[1e-30, 2e-30]]])
    assert rescaled(maps).tolist() == [[[0, 1]]]


def test_resizing_interpolates_between_pixel_centres():
    maps = torch.tensor([[[0.0, 8.0]]])
    assert resized(maps, (2, 8))[0, 1].tolist() == [0, 0, 1, 3, 5, 7, 8, 8]
    assert resized(maps, (1, 2)) is maps


@settings(max_examples=50, deadline=None)
@given(st.lists(grids, min_size=1, max_size=4), st.data())
def test_combining_layers_equals_a_loop(stack, data):
    shares = data.draw(st.lists(st.floats(0.1, 5), min_size=len(stack), max_size=len(stack)))
    names = [f"layer{i}" for i in range(len(stack))]
    maps, weights = dict(zip(names, stack, strict=True)), dict(zip(names, shares, strict=True))
    product, total = (combine_layers(maps, weights, mode) for mode in ("product", "sum"))
    for image in range(2):
        telling = [
            (rescaled(one)[image], w) for one, w in zip(stack, shares, strict=True) if one[image].unique().numel() > 1
        ]
        expected_product, expected_sum = torch.zeros(2, 3, 4, dtype=torch.float64)
        if telling:
            scale = sum(w for _, w in telling)
            expected_product = torch.ones(3, 4, dtype=torch.float64)
            for one, w in telling:
                expected_product = expected_product * one ** (w / scale)
                expected_sum = expected_sum + one * w / scale
        torch.testing.assert_close(product[image], expected_product)
        torch.testing.assert_close(total[image], expected_sum)


@settings(max_examples=25, deadline=None)
@given(grids)
def test_combining_one_layer_with_itself_changes_nothing(maps):
    for mode in ("product", "sum"):
        torch.testing.assert_close(combine_layers({"a": maps, "b": 3 * maps}, mode=mode), rescaled(maps))


def test_weights_by_name():
    maps = {name: torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(i)) for i, name in enumerate("abc")}
    torch.testing.assert_close(combine_layers(maps), combine_layers(maps, {"a": 2.0, "b": 2.0, "c": 2.0}))
    torch.testing.assert_close(combine_layers(maps, "uniform"), combine_layers(maps))
    torch.testing.assert_close(combine_layers(maps, "linear"), combine_layers(maps, {"c": 3.0, "a": 1.0, "b": 2.0}))
    torch.testing.assert_close(combine_layers(maps, {"a": 0.0, "b": 5.0, "c": 0.0}), rescaled(maps["b"]))


def test_a_layer_that_says_nothing_does_not_silence_the_others():
    telling = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])
    silent = torch.tensor([[[0.0, 0.0]], [[0.0, 4.0]]])
    assert combine_layers({"a": telling, "b": silent}).tolist() == [[[0, 1]], [[0, 0]]]


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, (2, 3, 9), elements=values))
def test_rank_correlation_equals_scipy(pairs):
    ours = rank_correlation(*torch.from_numpy(pairs))
    for score, first, second in zip(ours.tolist(), *pairs, strict=True):
        if np.ptp(first) == 0 or np.ptp(second) == 0:
            assert math.isnan(score)
        else:
            assert score == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, (1, 9), elements=values))
def test_rank_correlation_sees_only_the_order(row):
    row = torch.from_numpy(row)
    expected = torch.tensor([math.nan if row.min() == row.max() else 1.0], dtype=torch.float64)
    torch.testing.assert_close(rank_correlation(row, row.exp()), expected, equal_nan=True)
    torch.testing.assert_close(rank_correlation(row, -row), -expected, equal_nan=True)


def test_no_correlation_with_what_is_not_finite():
    rows = torch.tensor([[1.0, 2.0, math.nan], [1.0, 2.0, math.inf], [1.0, 2.0, 3.0]])
    scores = rank_correlation(rows, torch.tensor([[1.0, 2.0, 3.0]]).expand(3, 3))
    assert scores.isnan().tolist() == [True, True, False]


def test_class_sensitivity_compares_the_most_and_the_least_likely_class(net, images):
    logits = net.eval()(images)
    best, worst = (norm_grad(net, images, c, "act") for c in (logits.argmax(1), logits.argmin(1)))
    expected = [stats.spearmanr(a.flatten(), b.flatten()).statistic for a, b in zip(best, worst, strict=True)]
    assert class_sensitivity(norm_grad, net.train(), images, layer="act").tolist() == pytest.approx(expected)
    assert net.training


def by_distance(maps, masks, tolerance):
    """Every highest pixel within the distance of some pixel of the mask."""
    hits = []
    for one, mask in zip(maps, masks, strict=True):
        inside = mask.nonzero().double()
        hits.append(
            all(len(inside) and (inside - p).norm(dim=1).min() <= tolerance for p in (one == one.max()).nonzero())
        )
    return torch.tensor(hits)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 4), st.integers(0, 2**32), st.booleans())
def test_pointing_game_equals_distances(tolerance, seed, ties):
    random = torch.Generator().manual_seed(seed)
    maps, masks = torch.rand(4, 7, 6, generator=random), torch.rand(4, 7, 6, generator=random) < 0.06
    if ties:
        maps = (maps * 9).round()
    assert torch.equal(pointing_game(maps, masks, tolerance), by_distance(maps, masks, tolerance))


def test_a_constant_map_points_nowhere():
    masks = torch.zeros(1, 4, 4, dtype=torch.bool)
    masks[0, 0, 0] = True  # where argmax looks first
    assert not pointing_game(torch.ones(1, 4, 4), masks)


def test_pointing_accuracy_averages_over_classes():
    hits, classes = torch.tensor([1, 1, 0, 0, 1]).bool(), torch.tensor([7, 7, 7, 7, 2])
    assert pointing_accuracy(hits, classes) == 0.75


ONES = torch.ones(2, 3, 3)
MASKS = torch.ones(2, 3, 3, dtype=torch.bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: combine_layers({}), "at least one layer"),
        (lambda: combine_layers({"a": ONES, "b": ONES[:, 1:]}), r"one shape.*resize=True"),
        (lambda: combine_layers({"a": ONES}, mode="max"), "unknown mode 'max'"),
        (lambda: combine_layers({"a": ONES}, "quadratic"), "weights must be 'uniform', 'linear'"),
        (lambda: combine_layers({"a": ONES}, {"b": 1}), "weights must name the layers"),
        (lambda: combine_layers({"a": ONES}, {"a": -1}), "at least 0"),
        (lambda: combine_layers({"a": ONES}, {"a": 0}), "not all 0"),
        (lambda: combine_layers({"a": ONES}, {"a": math.nan}), "must be finite"),
        (lambda: combine_layers({"a": ONES[0]}), r"maps must be a float tensor \[batch, height, width\]"),
        (lambda: pointing_game(ONES, MASKS[:, 1:]), "one shape"),
        (lambda: pointing_game(ONES, ONES), "masks must be bool"),
        (lambda: pointing_game(ONES * math.nan, MASKS), "maps must be finite"),
        (lambda: pointing_game(ONES, MASKS, -1), "tolerance must be"),
        (lambda: pointing_game(ONES, MASKS, 1.5), "tolerance must be"),
        (lambda: pointing_accuracy(MASKS[:, 0, 0], torch.tensor([1])), "of one length"),
        (lambda: rank_correlation(ONES[0], ONES[0, 1:]), "one shape"),
        (lambda: rescaled(ONES[0]), "maps must be a float tensor"),
        (lambda: rescaled(ONES.long()), "maps must be a float tensor"),
        (lambda: resized(ONES[:0], (3, 3)), "at least one entry"),
        (lambda: class_sensitivity(norm_grad, nn.Flatten(), torch.ones(2, 1, 1, 1)), "at least two classes"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
