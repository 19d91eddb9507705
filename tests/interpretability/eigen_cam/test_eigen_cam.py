"""Eigen-CAM against numpy, scikit-learn and closed forms; its invariances; the manners of its maps; bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import nn

from netopsy import InputError
from netopsy.core.capture import layer_activations, layer_gradients
from netopsy.interpretability.eigen_cam import (
    average_layers,
    channel_mean_map,
    eigen_cam,
    eigen_cam_from_activations,
    eigen_grad_cam,
    energy_map,
    grad_cam_plus_plus,
    last_grid_layer,
    token_grid,
)
from netopsy.interpretability.eigen_cam.leading import leading
from netopsy.interpretability.maps import rescaled

RAW = {"resize": False, "normalise": False}
SHAPES = [(5, 4, 3), (40, 3, 4), (100, 9, 9), (6, 11, 13), (1, 3, 3), (90, 12, 14)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def some(batch, channels, rows, columns, *, positive=False, seed=0, dtype=torch.float64):
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(batch, channels, rows, columns, generator=random, dtype=torch.float64)
    values = values + 0.5 * torch.rand(batch, 1, rows, columns, generator=random, dtype=torch.float64)
    return (values.relu() if positive else values).to(dtype)


def same_up_to_sign(ours, theirs, tolerance=1e-6):
    sign = (ours * theirs).sum((-2, -1), keepdim=True).sign()
    scale = theirs.abs().amax((-2, -1), keepdim=True)
    return bool(((ours - sign * theirs).abs() <= tolerance * scale).all())


def test_rank_one_is_known_in_closed_form():
    place = torch.rand(4, 5, dtype=torch.float64)
    seen = eigen_cam_from_activations(torch.stack([3 * place, 0 * place, 4 * place])[None])
    torch.testing.assert_close(seen.maps[0], 5 * place)
    torch.testing.assert_close(seen.vectors[0, 0], torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64))
    torch.testing.assert_close(seen.explained, torch.ones(1, dtype=torch.float64))
    torch.testing.assert_close(seen.gap, torch.ones(1, dtype=torch.float64))
    assert seen.sign_rule == ("channels",)


@shapes
@pytest.mark.parametrize("positive", [False, True])
def test_projections_are_those_of_numpys_svd(shape, positive):
    values = some(3, *shape, positive=positive)
    count = min(3, shape[0], shape[1] * shape[2])
    seen = eigen_cam_from_activations(values, components=count)
    for number, one in enumerate(values.flatten(2).mT.numpy()):
        left, singular, right = np.linalg.svd(one, full_matrices=False)
        theirs = torch.from_numpy((left * singular)[:, :count].T.reshape(count, *shape[1:]))
        assert same_up_to_sign(seen.projections[number], theirs)
        np.testing.assert_allclose(seen.singular_values[number], singular[:count], rtol=1e-6)
        np.testing.assert_allclose(np.abs((seen.vectors[number].numpy() * right[:count]).sum(1)), 1, rtol=1e-6)
        np.testing.assert_allclose(seen.explained[number], singular[0] ** 2 / (singular**2).sum(), rtol=1e-6)
        second = singular[1] if len(singular) > 1 else 0
        np.testing.assert_allclose(seen.gap[number], 1 - second / singular[0], atol=1e-3)


@shapes
def test_centred_it_is_scikit_learns_first_principal_component(shape):
    values = some(2, *shape)
    seen = eigen_cam_from_activations(values, centre=True)
    for ours, one in zip(seen.projections[:, 0], values.flatten(2).mT.numpy(), strict=True):
        theirs = PCA(1, svd_solver="full").fit_transform(one)
        assert same_up_to_sign(ours, torch.from_numpy(theirs.reshape(shape[1:])))
    assert seen.sign_rule == ("energy", "energy")


@shapes
def test_behind_a_relu_direction_and_map_are_not_negative(shape):
    seen = eigen_cam_from_activations(some(4, *shape, positive=True))
    scale = float(seen.singular_values.max())
    assert seen.vectors.min() >= -1e-6
    assert seen.projections.min() >= -1e-6 * scale
    assert seen.sign_rule == ("channels",) * 4


@shapes
@pytest.mark.parametrize("centre", [False, True])
def test_elsewhere_the_projection_rises_with_the_length_of_the_activations(shape, centre):
    values = some(4, *shape, seed=3)
    seen = eigen_cam_from_activations(-values, centre=centre)
    assert ((seen.projections[:, 0] * values.norm(dim=1)).sum((1, 2)) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(1, 5), st.integers(2, 5), st.floats(1e-6, 1e6), st.integers(0, 2**20))
def test_mixing_the_channels_by_a_rotation_changes_nothing_and_scaling_scales(channels, rows, columns, factor, seed):
    values = some(1, channels, rows, columns, seed=seed)
    mixing = torch.linalg.qr(some(1, 1, channels, channels, seed=seed + 1)[0, 0]).Q
    before = eigen_cam_from_activations(values)
    after = eigen_cam_from_activations(torch.einsum("dc,bchw->bdhw", mixing, values))
    if before.gap > 1e-2:
        assert same_up_to_sign(after.projections[:, 0], before.projections[:, 0], 1e-8)
    scaled = eigen_cam_from_activations(factor * values)
    torch.testing.assert_close(scaled.projections, factor * before.projections, rtol=1e-8, atol=1e-9 * factor)
    torch.testing.assert_close(rescaled(scaled.maps), rescaled(before.maps))
    total = (before.projections**2).sum()
    torch.testing.assert_close(total, (before.singular_values**2).sum())
    assert total <= (values**2).sum() * (1 + 1e-9)


def test_all_components_together_are_the_energy():
    values = some(2, 5, 4, 6)
    torch.testing.assert_close(eigen_cam_from_activations(values, components=5).maps, values.norm(dim=1))


def test_nothing_gives_nothing_and_one_channel_gives_itself():
    seen = eigen_cam_from_activations(torch.zeros(2, 70, 9, 9))
    for each in (seen.maps, seen.vectors, seen.singular_values, seen.explained, seen.gap):
        assert (each == 0).all()
    one = some(2, 1, 3, 4, positive=True)
    torch.testing.assert_close(eigen_cam_from_activations(one).maps, one[:, 0])
    torch.testing.assert_close(eigen_cam_from_activations(-one).maps, one[:, 0])


def test_a_tie_is_warned_of():
    tied = torch.zeros(1, 2, 2, 2)
    tied[0, 0, 0, 0] = tied[0, 1, 1, 1] = 1
    with pytest.warns(UserWarning, match=r"nearly equal.*\.gap"):
        assert eigen_cam_from_activations(tied).gap.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("factor", [1e30, 1e-30])
def test_squares_neither_overflow_nor_vanish(factor):
    values = some(2, 80, 9, 9, positive=True, dtype=torch.float32)
    torch.testing.assert_close(
        eigen_cam_from_activations(factor * values).maps / factor,
        eigen_cam_from_activations(values).maps,
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype):
    values = (60 * some(2, 70, 9, 9, positive=True)).to(dtype)
    seen = eigen_cam_from_activations(values)
    assert seen.maps.dtype == torch.float32
    torch.testing.assert_close(seen.maps, eigen_cam_from_activations(values.float()).maps)


def test_maps_of_half_precision_activations_do_not_overflow():
    values = (torch.arange(1.0, 17).reshape(1, 1, 4, 4) / 16 * 3e3).repeat(1, 600, 1, 1).half()
    same = nn.Sequential(nn.Identity())
    for method in (energy_map, channel_mean_map, eigen_cam):
        torch.testing.assert_close(method(same, values, "0"), method(same, values.float(), "0"))


def test_a_dense_crowd_of_eigenvalues_is_decomposed_completely():
    """Subspace iteration cannot tell eigenvalues a millionth apart, so the answer shows the fallback."""
    side = 120
    basis = torch.linalg.qr(some(1, 1, side, side)[0, 0]).Q
    spectrum = 1 - 1e-6 * torch.arange(side, dtype=torch.float64)
    matrices = torch.stack([basis @ torch.diag(spectrum) @ basis.T, basis @ torch.diag(spectrum**40) @ basis.T])
    values, vectors = leading(matrices, 2, 1)
    torch.testing.assert_close(values[0], spectrum[:2], rtol=1e-12, atol=0)
    torch.testing.assert_close((vectors[:, :, 0] * basis[:, 0]).sum(1).abs(), torch.ones(2, dtype=torch.float64))


# ---- on networks


@pytest.mark.parametrize("layer", ["stem", "act", "block"])
def test_on_a_network_it_is_that_of_its_activations(net, images, layer):
    values = layer_activations(net, images, layer)[layer]
    torch.testing.assert_close(eigen_cam(net, images, layer, **RAW), eigen_cam_from_activations(values).maps)
    torch.testing.assert_close(energy_map(net, images, layer, **RAW), values.norm(dim=1))
    torch.testing.assert_close(channel_mean_map(net, images, layer, **RAW), values.mean(1))
    seen = layer_gradients(net, images, 1, layer)
    x, g = seen.activations[layer], seen.gradients[layer]
    torch.testing.assert_close(
        eigen_grad_cam(net, images, 1, layer, components=2, **RAW), eigen_cam_from_activations(x * g, components=2).maps
    )
    share = torch.nan_to_num(g**2 / (2 * g**2 + x.sum((2, 3), keepdim=True) * g**3), nan=0.0)
    weights = (share * g.relu()).sum((2, 3), keepdim=True)
    torch.testing.assert_close(grad_cam_plus_plus(net, images, 1, layer, **RAW), (weights * x).sum(1).relu())


def test_maps_have_the_size_of_the_image_and_run_from_0_to_1(net, images):
    maps = eigen_cam(net, images, ["stem", "block"])
    for one in maps.values():
        assert one.shape == (3, 11, 9)
        assert one.amin((1, 2)).eq(0).all()
        assert one.amax((1, 2)).eq(1).all()
    together = average_layers(maps)
    torch.testing.assert_close(together, rescaled((maps["stem"] + maps["block"]) / 2))


def test_the_last_grid_is_found(net, images):
    assert last_grid_layer(net, images) == "pool"
    torch.testing.assert_close(eigen_cam(net, images), eigen_cam(net, images, "pool"))
    net.pool = nn.AdaptiveAvgPool2d(1)
    net.out = nn.Linear(4, 5).double()
    assert last_grid_layer(net, images) == "block.relu"  # works in place on what the normalisation returned
    nested = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Flatten(), nn.LazyLinear(2)).double()
    assert last_grid_layer(nested, images) == "0.1"


def test_tokens_of_a_transformer():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2))
    images = torch.randn(2, 3, 8, 12)
    grid = eigen_cam(net, images, "0", **RAW)
    turned = nn.Sequential(*net, Swap())
    torch.testing.assert_close(eigen_cam(turned, images, "2", reshape=token_grid(2, 3, skip=0), **RAW), grid)


class Swap(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


def test_plot_lays_the_maps_over_the_images():
    seen = eigen_cam_from_activations(some(3, 4, 5, 5))
    assert len(seen.plot(torch.rand(3, 1, 20, 20)).axes) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net, x: eigen_cam(net, x, "nosuch"), "unknown layer 'nosuch'"),
        (lambda net, x: eigen_cam(net, x, "out"), r"no grid.*reshape="),
        (lambda net, x: eigen_cam(net, x[0]), r"images must be \[batch, channels, height, width\]"),
        (lambda net, x: eigen_cam(net, x[:0], "act"), "at least one image"),
        (lambda net, x: eigen_cam(net, x / 0, "act"), "NaN or infinite"),
        (lambda net, x: eigen_cam(net, x, "act", components=0), "components must be an int of at least 1, got 0"),
        (lambda net, x: eigen_cam(net, x, "act", components=5), "components must be an int from 1 to 4"),
        (lambda net, x: eigen_cam(net, x, reshape=token_grid(1, 2)), "layer must be named where reshape="),
        (lambda net, x: eigen_cam(nn.Flatten(), x), "layer must be named: no layer"),
        (lambda net, x: eigen_cam(nn.Sequential(nn.AdaptiveAvgPool2d(1)), x, "0"), "a single position"),
        (lambda net, x: eigen_cam(Unreached(), x, "spare"), "never run"),
        (lambda net, x: eigen_cam_from_activations(x[0]), r"\[batch, channels, rows, columns\]"),
        (lambda net, x: eigen_cam_from_activations(x.long()), "must be float"),
        (lambda net, x: eigen_cam_from_activations(x / 0), "NaN or infinite"),
        (lambda net, x: eigen_cam_from_activations(x, components=True), "components must be an int"),
        (lambda net, x: average_layers({}), "at least one"),
        (lambda net, x: average_layers({"a": x[:, 0], "b": x[:, 0, 1:]}), "one shape"),
    ],
)
def test_bad_input_is_named_in_one_sentence(net, images, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(net, images)


class Unreached(nn.Module):
    def __init__(self):
        super().__init__()
        self.used = nn.Conv2d(3, 4, 3).double()
        self.spare = nn.Conv2d(3, 4, 3).double()

    def forward(self, x):
        return self.used(x)
