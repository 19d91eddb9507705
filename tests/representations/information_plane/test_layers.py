"""Information of layers: known answers, brute force, invariances, and estimates that count inputs alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.representations.information_plane import (
    discretize,
    entropy_bits,
    icosahedral_dataset,
    layer_information,
    mutual_information,
)

X, Y = icosahedral_dataset()
P = icosahedral_dataset(gamma=8.0922)[1]
EDGES = np.linspace(-1, 1, 30)


def point(values, labels=Y, **options):
    found = layer_information(values, labels, **options)
    return float(found.ixt[0]), float(found.ity[0])


def test_the_task_has_the_counts_of_the_released_labels():
    weight = X.sum(1)
    ones = {w: int(Y[weight == w].sum()) for w in range(13)}
    assert ones == dict.fromkeys(range(5), 0) | {5: 60, 6: 532, 7: 732, 8: 495, 9: 220, 10: 66, 11: 12, 12: 1}
    assert entropy_bits(Y.bincount()) == pytest.approx(0.999157, abs=1e-6)
    assert mutual_information(torch.arange(4096), P) == pytest.approx(0.99, abs=1e-5)
    assert P.argmax(1).equal(Y)


def test_input_constant_and_label_have_their_known_points():
    assert point(X) == pytest.approx((12, 0.999157), abs=1e-6)
    assert point(torch.zeros(4096, 3)) == (0, 0)
    assert point(Y[:, None].float()) == pytest.approx((0.999157, 0.999157), abs=1e-6)
    assert layer_information(X, Y).saturated.tolist() == [True]
    assert layer_information(Y[:, None].float(), Y).saturated.tolist() == [False]


def test_exact_codes_obey_the_data_processing_inequality():
    first = torch.tanh(X @ torch.randn(12, 4, generator=torch.Generator().manual_seed(0)))
    second = torch.sign(first[:, :2] + first[:, 2:])
    third = second[:, :1]
    exact = [torch.unique(each, dim=0, return_inverse=True)[1][:, None].float() for each in (X, first, second, third)]
    points = [point(each, bins=np.arange(4097.0).tolist()) for each in exact]
    assert (np.diff(points, axis=0) <= 1e-9).all()
    assert points[-1][0] > 0.3


def brute_force(values, labels, edges):
    codes = [tuple(row) for row in np.digitize(values.numpy().astype(np.float64), edges)]
    joint = list(zip(codes, labels.tolist(), strict=True))
    h = [
        -sum(
            c / len(codes) * np.log2(c / len(codes))
            for c in np.unique([hash(each) for each in entries], return_counts=True)[1]
        )
        for entries in (codes, labels.tolist(), joint)
    ]
    return h[0], h[0] + h[1] - h[2]


def test_checkpoints_together_are_brute_force_one_by_one_also_for_wide_layers():
    random = torch.Generator().manual_seed(1)
    for units, scale in ((3, 0.3), (40, 0.02)):
        values = (torch.rand(3, 300, units, generator=random) * 2 - 1) * scale
        values[0, 0], values[1, 1] = -1.0, 1.0  # on the outer edges
        labels = torch.randint(0, 3, (300,), generator=random)
        found = layer_information(values, labels)
        for place in range(3):
            wanted = brute_force(values[place], labels, EDGES)
            assert (found.ixt[place], found.ity[place]) == pytest.approx(wanted)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), units=st.integers(1, 4))
def test_order_of_samples_and_units_does_not_matter_and_certain_labels_are_labels(seed, units):
    random = torch.Generator().manual_seed(seed)
    values = torch.rand(64, units, generator=random) * 2 - 1
    labels = torch.randint(0, 3, (64,), generator=random)
    order = torch.randperm(64, generator=random)
    wanted = point(values, labels)
    assert point(values[order].flip(1), labels[order]) == pytest.approx(wanted)
    assert point(values, torch.nn.functional.one_hot(labels, 3).double()) == pytest.approx(wanted)
    assert 0 <= wanted[1] <= wanted[0] + 1e-9


def test_nothing_is_clipped_and_bins_of_every_kind_are_there():
    values = torch.tensor([[0.0], [1.0], [5.0], [9.0]])
    assert discretize(values, [0.0, 2.0]).tolist() == [1, 1, 2, 2]
    assert len(discretize(values, 9).unique()) == 4
    assert len(discretize(values, 2, range=(0.0, 2.0)).unique()) == 3
    assert len(discretize(values, "adaptive").unique()) == 4
    spread = torch.tensor([[[0.0], [1.0]], [[0.0], [100.0]]])
    assert [len(each.unique()) for each in discretize(spread, 10)] == [1, 2]  # one range for the whole run


def test_repeated_inputs_are_counted_as_one():
    values, ids = torch.tensor([[0.0], [0.0], [1.0], [1.0]]), torch.tensor([7, 7, 9, 9])
    assert point(values, ids, x_ids=ids) == pytest.approx((1, 1))
    noisy = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    assert point(noisy, ids, x_ids=ids) == pytest.approx((0, 0))


def test_noise_bounds_of_two_far_clusters_are_one_bit_and_in_order():
    two = torch.tensor([[0.0]] * 20 + [[100.0]] * 20)
    labels = torch.arange(40) // 20
    for estimator in ("kde_upper", "kde_lower"):
        assert point(two, labels, estimator=estimator) == pytest.approx((1, 1))
    cloud = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    upper, lower = (layer_information(cloud, labels.repeat(5), estimator=f"kde_{e}") for e in ("upper", "lower"))
    assert 0 < lower.ixt[0] < upper.ixt[0] <= np.log2(200)
    squares = torch.cdist(cloud.double(), cloud.double()).square()
    wanted = -np.log2(np.exp(-squares.numpy() / 0.2).mean(1)).mean()
    assert upper.ixt[0] == pytest.approx(wanted)


def test_bad_input_is_named():
    good = torch.rand(6, 2)
    labels = torch.arange(6) % 2
    cases = (
        (good, labels.float(), {}, "labels"),
        (good, labels[:3], {}, "labels"),
        (good, torch.full((6, 2), 0.7), {}, "labels"),
        (good * torch.nan, labels, {}, "activations"),
        (good, labels, {"bins": [1.0, 0.0]}, "bins"),
        (good, labels, {"bins": 0}, "bins"),
        (good, labels, {"bins": 3, "range": (1.0, 0.0)}, "range"),
        (good, labels, {"estimator": "kde_upper", "noise": 0.0}, "noise"),
        (good[0], labels, {}, "activations"),
        (good, labels, {"x_ids": labels.float()}, "x_ids"),
    )
    for values, y, options, match in cases:
        with pytest.raises(InputError, match=match):
            layer_information(values, y, **options)
    with pytest.raises(InputError, match="gamma"):
        icosahedral_dataset(gamma=0.0)
    with pytest.raises(InputError, match="counts"):
        entropy_bits(torch.tensor([-1, 2]))
    with pytest.raises(InputError, match="whole numbers"):
        mutual_information(torch.zeros(3, dtype=torch.int64), torch.zeros(3))
