"""Meta-saliency against a deep copy, one step of torch's own SGD, and the plain map, image by image."""

import copy
import io

import captum.attr
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from netopsy import InputError
from netopsy.interpretability.norm_grad import (
    class_sensitivity,
    grad_cam,
    gradient_saliency,
    linear_approx,
    meta_saliency,
    norm_grad,
    selective_norm_grad,
)

METHODS = [norm_grad, selective_norm_grad, linear_approx, grad_cam, gradient_saliency]
LAYERS = ["", "act", "block.conv", "block"]
TARGET = torch.tensor([4, 0, 2])
methods = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)


def by_copies(method, model, images, target, lr, negate=False, **options):
    """Each image gets a copy of the network, which takes one step on it."""
    maps = []
    for image, label in zip(images, target, strict=True):
        own = copy.deepcopy(model).eval().requires_grad_(True)
        step = torch.optim.SGD(own.parameters(), lr=lr, maximize=negate)
        nn.functional.cross_entropy(own(image[None]), label[None]).backward()
        step.step()
        maps.append(method(own, image[None], int(label), **options))
    return {name: torch.cat([one[name] for one in maps]) for name in maps[0]}


@methods
@pytest.mark.parametrize("negate", [False, True])
def test_every_image_sees_its_own_step(net, images, method, negate):
    net[1].train()
    expected = by_copies(method, net, images, TARGET, 0.05, negate, layer=LAYERS)
    plain = method(net, images, TARGET, LAYERS)
    for options in ({}, {"chunk": 2}, {"one_by_one": True}):
        maps = meta_saliency(method, net, images, TARGET, lr=0.05, negate_loss=negate, layer=LAYERS, **options)
        assert list(maps) == LAYERS
        for layer in LAYERS:
            torch.testing.assert_close(maps[layer], expected[layer])
    assert not torch.allclose(plain["block"], expected["block"], atol=1e-3)


def test_real_layers_of_the_stepped_network(net, images):
    options = {"extract": "real", "layer": ["stem", "block.conv"]}
    expected = by_copies(norm_grad, net, images, TARGET, 0.05, **options)
    maps = meta_saliency(norm_grad, net, images, TARGET, lr=0.05, **options)
    for layer in ("stem", "block.conv"):
        torch.testing.assert_close(maps[layer], expected[layer])


class Pair(nn.Module):
    """A layer that returns two tensors."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x), x


class TakesTheFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair, self.out = Pair(), nn.Linear(4, 5)

    def forward(self, x):
        return self.out(self.pair(x)[0].tanh().mean((2, 3)))


def test_layers_that_return_a_tuple(images):
    torch.manual_seed(0)
    net = TakesTheFirst().double()
    expected = by_copies(norm_grad, net, images, TARGET, 0.05, layer=["pair"])
    torch.testing.assert_close(meta_saliency(norm_grad, net, images, TARGET, lr=0.05, layer="pair"), expected["pair"])


@methods
def test_a_step_of_no_length_is_the_plain_map_bit_for_bit(net, images, method):
    assert torch.equal(
        meta_saliency(method, net, images, TARGET, lr=0.0, layer="act"), method(net, images, TARGET, "act")
    )


def test_a_tiny_step_is_nearly_the_plain_map(net, images):
    plain = norm_grad(net, images, TARGET, "act")
    torch.testing.assert_close(
        meta_saliency(norm_grad, net, images, TARGET, lr=1e-9, layer="act"), plain, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("options", [{}, {"one_by_one": True}])
def test_the_model_is_left_as_it_was_whatever_happens(net, images, options, left_as_found):
    net.train()
    net.block.norm.eval()
    net.stem.bias.requires_grad_(False)
    before = left_as_found(net)
    meta_saliency(norm_grad, net, images, 1, lr=0.1, layer="block", **options)
    assert left_as_found(net) == before

    def broken(model, images, target):
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        meta_saliency(broken, net, images, 1, lr=0.1, **options)
    assert left_as_found(net) == before


def test_frozen_parameters_take_the_step_too(net, images):
    expected = meta_saliency(norm_grad, net, images, TARGET, lr=0.05, layer="block")
    net.requires_grad_(False)
    with torch.no_grad():
        torch.testing.assert_close(meta_saliency(norm_grad, net, images, TARGET, lr=0.05, layer="block"), expected)


def test_methods_of_another_library_see_the_stepped_network(net, images):
    net.act.inplace = net.block.relu.inplace = False

    def theirs(model, images, target, layer):
        module = dict(model.named_modules())[layer]
        return captum.attr.LayerGradientXActivation(model, module).attribute(images, target=target).sum(1).detach()

    expected = meta_saliency(linear_approx, net, images, TARGET, lr=0.05, layer="act", resize=False, normalise=False)
    maps = meta_saliency(theirs, net, images, TARGET, lr=0.05, one_by_one=True, layer="act")
    torch.testing.assert_close(maps, expected)


def test_guided_gradients_of_the_stepped_network(net, images):
    expected = meta_saliency(gradient_saliency, net, images, TARGET, lr=0.05, one_by_one=True, relu="guided")
    torch.testing.assert_close(meta_saliency(gradient_saliency, net, images, TARGET, lr=0.05, relu="guided"), expected)


def test_class_sensitivity_of_a_meta_map(net, images):
    def stepped(model, images, target, **options):
        return meta_saliency(norm_grad, model, images, target, lr=0.05, **options)

    scores = class_sensitivity(stepped, net, images, layer=LAYERS)
    assert list(scores) == LAYERS
    assert all(one.shape == (3,) and (one.abs() <= 1).all() for one in scores.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": lambda out: out[:, 0]}, "target must be a class"),
        ({"target": 5}, "class 5 is out of range"),
        ({"target": TARGET[:2]}, "target must be"),
        ({"lr": -1e-4}, "lr must be finite and at least 0"),
        ({"lr": float("inf")}, "lr must be finite"),
        ({"lr": float("nan")}, "lr must be finite"),
        ({"chunk": 0}, "chunk must be an int of at least 1"),
        ({"layer": "nowhere"}, "unknown layer 'nowhere'"),
    ],
)
def test_bad_input_is_named(net, images, options, message, unchecked):
    with pytest.raises(InputError, match=message):
        meta_saliency(norm_grad, net, images, **{"target": 0, "layer": "act", **options})


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("computed", [nn.utils.weight_norm, nn.utils.spectral_norm, prune.identity])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_network_that_keeps_a_computed_weight_can_still_be_copied_and_saved(images, computed, one_by_one):
    options = {"name": "weight"} if computed is prune.identity else {}
    first = computed(nn.Conv2d(3, 4, 3), **options)
    net = nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).double().eval()
    with torch.no_grad():
        net(images)
    value = first.weight.clone()
    meta_saliency(norm_grad, net, images, 1, lr=0.05, layer="1", one_by_one=one_by_one)
    assert torch.equal(first.weight, value)
    torch.save(net, io.BytesIO())
    assert torch.equal(copy.deepcopy(net)(images), net(images))
