"""Activation maximisation against closed forms; batches against single runs; each regulariser by hand; bad input."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import nn

from netopsy import InputError
from netopsy.interpretability.cnn_visualization import (
    IMAGE_PRIORS,
    AlphaPenalty,
    ClipSmallContribution,
    ClipSmallNorm,
    Correction,
    GaussianBlur,
    GeneratorPrior,
    Jitter,
    L2Decay,
    L2Penalty,
    LayerUnits,
    Step,
    TotalVariation,
    alpha_norm,
    maximise_activation,
    total_variation,
)
from netopsy.interpretability.cnn_visualization.regularisers import gaussian_blur
from netopsy.interpretability.cnn_visualization.upconv import UpconvNet
from netopsy.interpretability.layer_maps import token_grid

SHAPE = (1, 4, 5)


def linear(outputs=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(20, outputs)).double()


def row(net, number):
    return net[1].weight[number].detach().view(SHAPE)


def grey(*shape, seed=0):
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def step(images, gradient=None, number=1, mean=0.0):
    gradient = torch.ones_like(images) if gradient is None else gradient
    return Step(number, gradient, torch.full((1, 1, 1), mean, dtype=images.dtype))


def test_a_linear_score_with_an_l2_penalty_has_a_known_maximum():
    net, weight = linear(), 0.7
    found = maximise_activation(
        net,
        [0, 1, 2],
        SHAPE,
        steps=60,
        lr=0.5,
        limits=None,
        regularisers=[L2Penalty(weight)],
        normalise_gradient=False,
        starts=2,
    )
    for number in range(3):
        expected = (row(net, number) / (2 * weight)).expand(2, *SHAPE)
        torch.testing.assert_close(found.images[number], expected)
    torch.testing.assert_close(found.values[0, 0], net(found.images[0])[0, 0])


@pytest.mark.parametrize("limits", [(0.0, 1.0), (-2.0, 3.0)])
def test_within_limits_alone_a_linear_score_drives_every_pixel_to_its_end(limits):
    net = linear()
    found = maximise_activation(net, 1, SHAPE, steps=80, lr=1.0, limits=limits)
    expected = torch.where(row(net, 1) > 0, limits[1], limits[0])
    assert torch.equal(found.images[0, 0], expected.double())


def test_one_place_of_a_convolution_prefers_its_kernel_and_leaves_the_rest():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 3, 3)).double()
    found = maximise_activation(
        net,
        LayerUnits("0", position=(1, 2)),
        (2, 7, 8),
        steps=60,
        lr=0.5,
        limits=None,
        regularisers=[L2Penalty(0.5)],
        normalise_gradient=False,
    )
    expected = torch.zeros(3, 2, 7, 8, dtype=torch.float64)
    expected[:, :, 1:4, 2:5] = net[0].weight.detach()
    torch.testing.assert_close(found.images[:, 0], expected)


def test_positions_and_layers_mean_what_they_say():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(60, 2)).double()
    seen = {}
    for position in ("mean", "centre", (0, 1)):
        found = maximise_activation(net, LayerUnits("0", [2, 0], position), (1, 6, 7), steps=2)
        grid = net[0](found.images.flatten(0, 1))[[0, 1], [2, 0]]
        seen[position] = (
            grid.mean((1, 2)) if position == "mean" else grid[:, *((2, 2) if position == "centre" else position)]
        )
        torch.testing.assert_close(found.values[:, 0], seen[position].detach())
        assert found.units == (2, 0)
    whole = maximise_activation(net, LayerUnits(net[3]), (1, 6, 7), steps=2)
    classes = maximise_activation(net, range(2), (1, 6, 7), steps=2)
    assert torch.equal(whole.images, classes.images)


def test_a_function_of_the_outputs_can_be_maximised():
    net = linear()
    found = maximise_activation(net, lambda out: out[:, 2] - out[:, 0], SHAPE, steps=60, lr=1.0)
    assert torch.equal(found.images[0, 0], (row(net, 2) > row(net, 0)).double())
    assert found.units == (0,)


def conv_net():
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 4),
    ).double()


@pytest.mark.parametrize("priors", [(), (L2Decay(), *IMAGE_PRIORS, ClipSmallNorm(), ClipSmallContribution())])
def test_a_batch_is_what_single_runs_are(priors):
    net, start = conv_net(), grey(2, 3, 9, 9)
    options = {"steps": 12, "regularisers": priors, "init": start, "starts": 2}
    together = maximise_activation(net, range(4), (3, 9, 9), **options)
    for number in range(4):
        alone = maximise_activation(net, number, (3, 9, 9), **options)
        torch.testing.assert_close(together.images[number], alone.images[0], rtol=1e-7, atol=1e-9)
        torch.testing.assert_close(together.trace[:, number], alone.trace[:, 0], rtol=1e-7, atol=1e-9)
    in_parts = maximise_activation(net, range(4), (3, 9, 9), **options, batch_size=3)
    torch.testing.assert_close(in_parts.images, together.images, rtol=1e-7, atol=1e-9)


def test_values_rise_and_the_trace_begins_at_the_start():
    net, start = conv_net(), grey(3, 3, 9, 9)
    found = maximise_activation(net, [1, 3], (3, 9, 9), steps=40, init=start, starts=3)
    scores = net.eval()(start)[:, [1, 3]].T
    torch.testing.assert_close(found.trace[0], scores.detach())
    assert (found.values > found.trace[0]).all()
    assert found.trace.shape == (40, 2, 3)
    assert torch.equal(found.best()[0], found.images[0, found.values[0].argmax()])


def test_each_step_moves_by_lr_in_root_mean_square_whatever_the_scale_of_the_scores():
    net = linear()
    start = torch.full((1, *SHAPE), 0.5, dtype=torch.float64)
    with torch.no_grad():
        net[1].weight.mul_(1e-6)
    moved = maximise_activation(net, 0, SHAPE, steps=1, lr=0.01, init=start).images[0] - start
    assert moved.square().mean().sqrt().item() == pytest.approx(0.01)


def test_standardised_images_give_the_same_pictures():
    """The network behind a standardisation, and the same network on standardised images: one search."""

    class Standardising(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, images):
            return self.net((images - mean) / sd)

    mean, sd = (torch.tensor(each, dtype=torch.float64)[:, None, None] for each in ([0.5, 0.4, 0.3], [0.2, 0.3, 0.1]))
    net = conv_net()
    options = {"steps": 15, "regularisers": [L2Decay(0.05), *IMAGE_PRIORS], "starts": 2}
    plain = maximise_activation(Standardising(net), [0, 2], (3, 9, 9), mean=mean, **options)
    shifted = maximise_activation(
        net, [0, 2], (3, 9, 9), limits=((0 - mean) / sd, (1 - mean) / sd), mean=0.0, **options
    )
    torch.testing.assert_close(shifted.images * sd + mean, plain.images, rtol=1e-6, atol=1e-7)


def test_images_keep_their_limits_and_a_colour_network_its_manners(left_as_found):
    net = conv_net().train()
    before = left_as_found(net)
    found = maximise_activation(net, LayerUnits("0"), (3, 9, 9), steps=3, regularisers=IMAGE_PRIORS, seed=3)
    assert left_as_found(net) == before
    assert found.images.shape == (6, 1, 3, 9, 9)
    assert found.images.min() >= 0
    assert found.images.max() <= 1
    again = maximise_activation(net, LayerUnits("0"), (3, 9, 9), steps=3, regularisers=IMAGE_PRIORS, seed=3)
    other = maximise_activation(net, LayerUnits("0"), (3, 9, 9), steps=3, regularisers=IMAGE_PRIORS, seed=4)
    assert torch.equal(found.images, again.images)
    assert not torch.equal(found.images, other.images)
    assert len(found.plot().axes) == 6


def test_tokens_are_units_behind_a_reshape():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Conv2d(1, 5, 2, stride=2)
            self.blocks = nn.Linear(5, 5)

        def forward(self, images):
            return self.blocks(self.embed(images).flatten(2).mT).mean(1)

    net = Tokens()
    found = maximise_activation(net, LayerUnits("blocks", [1, 4]), (1, 6, 4), steps=4, reshape=token_grid(3, 2, skip=0))
    assert torch.allclose(found.values[:, 0], net(found.images[:, 0])[[0, 1], [1, 4]], atol=1e-6)


# ---------------------------------------------------------------- priors


def test_a_generator_is_searched_through_its_codes():
    torch.manual_seed(0)
    make, net = nn.Linear(6, 20).double(), linear()
    generator = nn.Sequential(make, nn.Unflatten(1, SHAPE))
    prior = GeneratorPrior(generator, (6,), sd=0.5, bound=3.0)
    found = maximise_activation(
        net, [0, 2], SHAPE, steps=100, lr=1.0, prior=prior, limits=None, regularisers=[Jitter(0)]
    )
    for place, number in enumerate((0, 2)):
        code = 1.5 * (net[1].weight[number] @ make.weight).sign()  # linear: every entry at its end
        torch.testing.assert_close(found.images[place, 0], generator(code[None])[0].detach())
    with pytest.raises(InputError, match="regularisers must be penalties or Jitter where a prior makes the images"):
        maximise_activation(net, 0, SHAPE, prior=prior, regularisers=[GaussianBlur()])
    with pytest.raises(InputError, match="init must be left out where a prior is given"):
        maximise_activation(net, 0, SHAPE, prior=prior, init=grey(1, *SHAPE))


def test_a_decoder_is_searched_in_standard_codes_and_within_limits():
    decoder = UpconvNet((3,), (1, 8, 8), seed=1)
    codes = torch.randn(4, 3)
    decoder.code_mean.copy_(torch.tensor([5.0, -5, 0]))
    decoder.code_scale.copy_(torch.tensor([2.0, 0.1, 1]))
    expected = decoder.layers(codes)
    low, high = (float(expected.quantile(share)) for share in (0.25, 0.75))
    prior = GeneratorPrior.of(decoder, limits=(low, high))
    torch.testing.assert_close(prior.generator(codes), expected.clamp(low, high))
    assert prior.code == (3,)


def test_a_generator_is_left_as_it_was(left_as_found):
    generator = nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.Unflatten(1, SHAPE)).double().train()
    net, before = linear(), left_as_found(generator)
    maximise_activation(net, 0, SHAPE, steps=3, prior=GeneratorPrior(generator, [6]))
    assert left_as_found(generator) == before


# ---------------------------------------------------------------- regularisers


@pytest.mark.parametrize("beta", [1.0, 1.5, 2.0, 3.0])
def test_total_variation_of_known_images(beta):
    assert total_variation(torch.full((1, 2, 6, 5), 0.3), beta=beta) == 0
    dot = torch.zeros(1, 1, 6, 5)
    dot[0, 0, 2, 3] = 1
    assert total_variation(dot, beta=beta).item() == pytest.approx(2 ** (beta / 2) + 2)
    edge = torch.zeros(1, 1, 6, 5)
    edge[..., 2:] = 1
    assert total_variation(edge, beta=beta).item() == pytest.approx(6)


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.sampled_from([0.5, 1.0, 2.0]), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_total_variation_is_the_double_loop_of_its_definition(channels, height, width, beta, seed):
    image = grey(1, channels, height, width, seed=seed)
    total = 0.0
    for plane in image[0].tolist():
        for i in range(height):
            for j in range(width):
                right = plane[i][j + 1] - plane[i][j] if j + 1 < width else 0
                below = plane[i + 1][j] - plane[i][j] if i + 1 < height else 0
                total += (right**2 + below**2) ** (beta / 2)
    assert total_variation(image, beta=beta).item() == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_total_variation_has_a_gradient_where_images_are_flat(beta):
    flat = torch.ones(1, 1, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(total_variation(flat, beta=beta).sum(), flat)
    assert torch.equal(gradient, torch.zeros_like(flat))


def test_penalties_take_a_weight_an_image_and_are_taken_about_the_mean():
    images, mean = grey(3, 2, 4, 4), torch.full((1, 1, 1), 0.5, dtype=torch.float64)
    weights = torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)
    expected = weights * (images - 0.5).abs().pow(6).sum((1, 2, 3))
    torch.testing.assert_close(AlphaPenalty(weights)(images, mean), expected)
    torch.testing.assert_close(L2Penalty(2.0)(images, mean), 2 * (images - 0.5).square().sum((1, 2, 3)))
    torch.testing.assert_close(TotalVariation(weights, 1.5)(images, mean), weights * total_variation(images, beta=1.5))
    assert (alpha_norm(mean.expand(2, 1, 4, 4), mean) == 0).all()


def test_decay_fades_into_the_mean_and_not_into_black():
    images = grey(2, 1, 3, 3)
    torch.testing.assert_close(L2Decay(0.25)(images, step(images, mean=0.4)), 0.75 * images + 0.25 * 0.4)
    even = torch.full_like(images, 0.4)
    torch.testing.assert_close(L2Decay(0.5)(even, step(images, mean=0.4)), even)


@pytest.mark.parametrize("sd", [0.5, 1.3])
def test_the_blur_is_scipys(sd):
    images = grey(2, 3, 9, 11)
    ours = gaussian_blur(images, sd)
    radius = max(1, math.ceil(3 * sd))
    theirs = gaussian_filter(images.numpy(), sd, mode="nearest", radius=radius, axes=(2, 3))
    torch.testing.assert_close(ours, torch.from_numpy(theirs))


def test_the_blur_comes_when_it_is_time():
    images, blur = grey(1, 1, 5, 5), GaussianBlur(0.5, every=4)
    assert [torch.equal(blur(images, step(images, number=n)), images) for n in (1, 3, 4, 8)] == [
        True,
        True,
        False,
        False,
    ]


def test_the_least_places_are_set_to_the_mean():
    images = torch.tensor([[[0.1, 0.9, 0.5, 0.4, 0.8]], [[0.2, 0.5, 0.5, 0.6, 0.1]]])[None].double()  # 2 channels, 1x5
    sizes = (images - 0.5).square().sum(1).sqrt()[0, 0]
    found = ClipSmallNorm(40.0)(images, step(images, mean=0.5))
    least = set(sizes.argsort()[:2].tolist())
    assert {place for place in range(5) if bool((found[0, :, 0, place] == 0.5).all())} == least
    gradient = torch.tensor([[[1.0, 0.0, 1.0, 9.0, -1.0]], [[1.0, 5.0, 1.0, 9.0, 1.0]]])[None].double()
    found = ClipSmallContribution(50.0)(images, step(images, gradient, mean=0.0))
    contributions = (images * gradient).sum(1).abs()[0, 0]
    assert contributions.tolist() == pytest.approx([0.3, 2.5, 1.0, 9.0, 0.7])
    assert [bool((found[0, :, 0, place] == 0).all()) for place in range(5)] == [True, False, False, False, True]


def test_jitter_rolls_and_its_gradient_rolls_back():
    jitter, images = Jitter(2), grey(1, 1, 5, 6).requires_grad_()
    offsets = jitter.offsets(500, 5, torch.Generator().manual_seed(0))
    assert {row for row, _ in offsets} == {column for _, column in offsets} == {-2, -1, 0, 1, 2}
    assert {row for row, _ in Jitter().offsets(200, 48, torch.Generator().manual_seed(0))} == set(range(-3, 4))
    weights = grey(1, 1, 5, 6, seed=1)
    (gradient,) = torch.autograd.grad((jitter(images, (1, -2)) * weights).sum(), images)
    assert torch.equal(gradient, weights.roll((-1, 2), (2, 3)))


def test_regularisers_are_used_in_the_order_they_stand_in():
    calls = []

    class Noting(Correction):
        def __init__(self, name):
            self.name = name

        def __call__(self, images, step):
            calls.append((self.name, step.number))
            return images

    def function(images, step):
        calls.append(("function", step.number))
        return torch.zeros_like(images)

    found = maximise_activation(linear(), 0, SHAPE, steps=2, regularisers=[Noting("first"), function, Noting("last")])
    assert calls == [(name, number) for number in (1, 2) for name in ("first", "function", "last")]
    assert (found.images == 0).all()


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        (3, {}, "target must be from 0 to 2, the classes there are, got 3"),
        ([], {}, "target must name at least one of the classes"),
        (1.5, {}, "target must be ints, LayerUnits or a function, got 1.5"),
        (True, {}, "target must be ints"),
        (LayerUnits("nowhere"), {}, "unknown layer 'nowhere'"),
        (LayerUnits("1", 7), {}, "units must be from 0 to 2, the units of layer '1' there are, got 7"),
        (lambda out: out, {}, "target must return one number a sample"),
        (0, {"steps": 0}, "steps must be an int of at least 1"),
        (0, {"starts": 0}, "starts must be an int of at least 1"),
        (0, {"batch_size": 0}, "batch_size must be an int of at least 1"),
        (0, {"lr": 0.0}, "lr must be positive"),
        (0, {"noise": -1.0}, "noise must not be negative"),
        (0, {"limits": (1.0, 0.0)}, "limits must be two values, the first below the second"),
        (0, {"limits": (0.0, 1.0, 2.0)}, "limits must be two values or None"),
        (0, {"mean": float("nan")}, "mean must be finite"),
        (0, {"mean": torch.zeros(2, 1, 1)}, "mean must be a number or broadcast to the image's shape"),
        (0, {"init": torch.zeros(2, 1, 4, 5)}, "init must have shape"),
        (0, {"regularisers": [Jitter]}, "regularisers must be penalties, corrections, Jitter or functions"),
        (0, {"regularisers": Jitter()}, "regularisers must be a list"),
        (0, {"prior": nn.Identity()}, "prior must be a GeneratorPrior"),
        (0, {"seed": -1}, "seed must be"),
    ],
)
def test_bad_input(target, options, message, unchecked):
    with pytest.raises(InputError, match=message):
        maximise_activation(linear(), target, SHAPE, **options)


def test_bad_shapes_and_places(unchecked):
    net = nn.Sequential(nn.Conv2d(1, 2, 3))
    with pytest.raises(InputError, match="do not go through the network"):
        maximise_activation(linear(), 0, (1, 3, 3))
    with pytest.raises(InputError, match=r"shape must be \(channels, height, width\)"):
        maximise_activation(linear(), 0, (4, 5))
    with pytest.raises(InputError, match="target names classes, which needs an output"):
        maximise_activation(net, 0, (1, 6, 6))
    with pytest.raises(InputError, match="position must lie in the 4x4 grid of layer '0'"):
        maximise_activation(net, LayerUnits("0", position=(4, 0)), (1, 6, 6))
    with pytest.raises(InputError, match="position must be 'mean', 'centre'"):
        maximise_activation(net, LayerUnits("0", position="top"), (1, 6, 6))
    with pytest.raises(InputError, match="model must be a torch nn.Module"):
        maximise_activation("net", 0, (1, 6, 6))
    with pytest.raises(InputError, match="values do not stay finite"):
        maximise_activation(linear(), lambda out: out[:, 0] * float("inf"), SHAPE, steps=2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L2Decay(2.0), "share must be from 0 to 1"),
        (lambda: GaussianBlur(0.0), "sd must be positive"),
        (lambda: GaussianBlur(1.0, 0), "every must be at least 1"),
        (lambda: ClipSmallNorm(101.0), "percentile must be from 0 to 100"),
        (lambda: ClipSmallContribution(-1.0), "percentile must be from 0 to 100"),
        (lambda: Jitter(-1), "pixels must not be negative"),
        (lambda: total_variation(torch.rand(1, 1, 2, 2), beta=0.0), "beta must be positive"),
        (lambda: alpha_norm(torch.rand(1, 1, 2, 2), torch.zeros(1, 1, 1), alpha=0.5), "alpha must be at least 1"),
    ],
)
def test_regularisers_out_of_range(make, message):
    with pytest.raises(InputError, match=message):
        make()


class Bright(nn.Module):
    """Units that are on for images whose mean lies above their own threshold; the last one for none."""

    def __init__(self, *thresholds):
        super().__init__()
        self.low = nn.Parameter(torch.tensor(thresholds))
        self.on = nn.ReLU()

    def forward(self, images):
        return self.on(images.mean((1, 2, 3))[:, None] - self.low)


def test_a_unit_that_no_start_wakes_is_told():
    options = {"steps": 5, "starts": 2}
    with pytest.warns(UserWarning, match="units 1 of layer 'on' had no gradient at any of the starts tried"):
        found = maximise_activation(Bright(0.2, 7.0), LayerUnits("on"), (1, 4, 4), **options)
    assert found.dead.tolist() == [[False, False], [True, True]]
    assert found.values[1].tolist() == [0.0, 0.0]
    alone = maximise_activation(Bright(0.2, 7.0), LayerUnits("on", 0), (1, 4, 4), **options)
    torch.testing.assert_close(found.images[0, 0], alone.images[0, 0])
    assert "unit 1 (dead)" in {axes.get_title() for axes in found.plot().axes}


def test_a_unit_that_is_off_at_its_start_is_started_elsewhere():
    reached = maximise_activation(Bright(0.55), LayerUnits("on"), (1, 3, 3), steps=20, noise=0.01)
    assert not reached.dead.any()
    assert reached.values.item() == pytest.approx(0.45)
    init = torch.full((1, 1, 3, 3), 0.1)
    with pytest.warns(UserWarning, match="no gradient"):
        stuck = maximise_activation(Bright(0.55), LayerUnits("on"), (1, 3, 3), steps=2, init=init)
    assert torch.equal(stuck.images[0], init)
    each, together = (
        maximise_activation(Bright(0.3, 0.52, 0.55), LayerUnits("on"), (1, 3, 3), steps=3, batch_size=size)
        for size in (1, 256)
    )
    assert not together.dead.any()
    torch.testing.assert_close(each.images, together.images)


def test_a_target_without_a_gradient_is_named():
    with pytest.raises(InputError, match="differentiable"):
        maximise_activation(Bright(0.1), lambda outputs: outputs.argmax(1).float(), (1, 4, 4), steps=1)
    with pytest.raises(InputError, match="differentiable"):
        maximise_activation(Bright(0.1), lambda outputs: outputs.detach()[:, 0], (1, 4, 4), steps=1)
