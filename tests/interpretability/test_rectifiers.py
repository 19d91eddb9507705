"""One rule for rectifiers, however they are written: exactly that of layers, or a sentence that says why not."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from netopsy import InputError
from netopsy.interpretability.cnn_visualization import deconvnet
from netopsy.interpretability.norm_grad import gradient_saliency, meta_saliency


class Rectified(nn.Module):
    """Two convolutions, one rectified by a layer and one by ``second``."""

    def __init__(self, second):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.head, self.first = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 3), nn.ReLU()
        self.second = second

    def forward(self, x):
        return self.head(self.second(self.b(self.first(self.a(x)))).mean((2, 3)))


def by_index(x):
    x = x.clone()
    x[x < 0] = 0
    return x


WAYS = {
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "Tensor.relu": lambda x: x.relu(),
    "Tensor.relu_": lambda x: x.relu_(),
    "aten": torch.ops.aten.relu,
    "aten.default": torch.ops.aten.relu.default,
    "Threshold": nn.Threshold(0, 0),
    "Threshold in place": nn.Threshold(0.0, 0.0, inplace=True),
    "F.threshold": lambda x: F.threshold(x, 0.0, 0.0),
    "ReLU6": nn.ReLU6(),
    "Hardtanh": nn.Hardtanh(0, 9),
    "clamp": lambda x: x.clamp(min=0),
    "clamp of a tensor": lambda x: torch.clamp(x, min=torch.tensor(0.0)),
    "clamp_min_": lambda x: x.clamp_min_(0),
    "clip": lambda x: x.clip(0),
    "maximum": lambda x: torch.maximum(x, torch.zeros_like(x)),
    "maximum, turned": lambda x: torch.maximum(torch.zeros(()), x),
    "max": lambda x: x.max(torch.tensor(0.0)),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "where, turned": lambda x: torch.where(x <= 0, torch.zeros_like(x), x),
    "Tensor.where": lambda x: x.where(x > 0, torch.tensor(0.0)),
    "masked_fill": lambda x: x.masked_fill(x < 0, 0),
    "masked_fill_": lambda x: x.masked_fill_(x < 0, 0.0),
    "a product": lambda x: x * (x > 0),
    "a product of floats": lambda x: (x > 0).float() * x,
    "an index": by_index,
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
rules = pytest.mark.parametrize("rule", ["guided", "deconv"])


@pytest.fixture
def images():
    return torch.randn(3, 1, 9, 9, generator=torch.Generator().manual_seed(1))


def maps(net, images, rule):
    return gradient_saliency(net, images, 1, relu=rule, normalise=False)


@ways
@rules
def test_every_way_to_write_a_rectifier_is_the_layer(way, rule, images):
    layers, other = Rectified(nn.ReLU()), Rectified(way)
    torch.testing.assert_close(other(images), layers(images))
    expected = maps(layers, images, rule)
    assert not torch.allclose(maps(layers, images, "gradient"), expected)
    torch.testing.assert_close(maps(other, images, rule), expected)
    torch.testing.assert_close(
        deconvnet(other, images, "head", 2, guided=rule == "guided"),
        deconvnet(layers, images, "head", 2, guided=rule == "guided"),
    )


@pytest.mark.parametrize("way", ["F.relu", "clamp", "maximum", "where", "masked_fill", "a product"])
@rules
def test_so_it_is_where_every_image_has_its_own_parameters(way, rule, images):
    layers, other = (
        meta_saliency(gradient_saliency, Rectified(one), images, 1, lr=0.05, relu=rule, normalise=False)
        for one in (nn.ReLU(), WAYS[way])
    )
    torch.testing.assert_close(other, layers)


@pytest.mark.parametrize("way", ["F.relu", "Threshold", "where", "clamp"])
def test_exported_networks_have_their_rectifiers(way, images):
    found = torch.export.export(Rectified(WAYS[way]).eval(), (images,))
    for exported in (found.module(), found.run_decompositions().module()):
        for rule in ("guided", "deconv"):
            torch.testing.assert_close(maps(exported, images, rule), maps(Rectified(nn.ReLU()), images, rule))


def test_a_network_exported_in_training_mode_is_refused(images):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    exported = torch.export.export(net.train(), (images,)).module()
    with pytest.raises(InputError, match="exported in training mode"):
        gradient_saliency(exported, images, 1)
    assert exported.training


@torch.jit.script
def scripted(x):
    return torch.relu(x)


class Own(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        context.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(context, gradient):
        return gradient * (context.saved_tensors[0] > 0)


@rules
@pytest.mark.parametrize("way", [scripted, Own.apply], ids=["scripted", "own"])
def test_a_rectifier_that_cannot_be_seen_is_refused_and_never_mixed(way, rule, images):
    net = Rectified(way)
    with pytest.raises(InputError, match="cannot be replaced"):
        maps(net, images, rule)
    with pytest.raises(InputError, match="cannot be replaced"):
        deconvnet(net, images, "head", guided=rule == "guided")
    assert maps(net, images, "gradient").shape == (3, 9, 9)


@rules
def test_what_only_looks_like_one_is_left_alone(rule, images):
    """A mask of something else, a clamp elsewhere, and a choice between two values keep their gradients."""
    mask = torch.rand(4, 5, 5, generator=torch.Generator().manual_seed(2)) > 0.5

    def other(x):
        return torch.where(mask, x, 0.0) + x.clamp(-1, 2) + torch.where(x > 0, x, 0.5 * x) + x * (images.mean() > 0)

    class Sloped(nn.Module):
        """Its derivative as a constant factor, so that there is nothing to be taken for a rectifier."""

        def forward(self, x):
            start = x.detach().requires_grad_()
            with torch.enable_grad():
                (slope,) = torch.autograd.grad(other(start).sum(), start)
            return x * slope.detach() + (other(start) - x * slope).detach()

    expected = maps(Rectified(Sloped()), images, rule)
    torch.testing.assert_close(maps(Rectified(other), images, rule), expected)
