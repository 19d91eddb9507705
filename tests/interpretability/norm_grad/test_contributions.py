"""Phase 1 against real identity layers and autograd; phase 2 against the outer product written out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netopsy import InputError
from netopsy.core.capture import layer_gradients
from netopsy.interpretability.norm_grad import backprop_saliency, spatial_contributions
from netopsy.interpretability.norm_grad.contributions import Contributions, real_contributions, virtual_contributions
from netopsy.interpretability.norm_grad.saliency import AGGREGATES
from netopsy.interpretability.norm_grad.windows import Window

WRITTEN_OUT = {
    "sum": lambda entries: entries.sum(1),
    "norm": lambda entries: entries.square().sum(1).sqrt(),
    "filter_norm": lambda entries: entries.clamp(min=0).square().sum(1).sqrt(),
    "max": lambda entries: entries.amax(1),
    "max_abs": lambda entries: entries.abs().amax(1),
}


class Scaling(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1, dtype=torch.float64))

    def forward(self, x):
        return self.weight * x


def identity_layer(kind, channels, kernel_size):
    """A layer that exists and changes nothing; the gradient of its weight is what the virtual one imagines."""
    if kind == "scaling":
        return Scaling(channels)
    groups = channels if kind == "depthwise" else 1
    conv = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, groups=groups).double()
    nn.init.dirac_(conv.weight, groups=groups)
    nn.init.zeros_(conv.bias)
    return conv


VIRTUAL_LAYERS = [("bias", 1), ("scaling", 1), *((kind, n) for kind in ("conv", "depthwise") for n in (1, 3, 5))]


@pytest.mark.parametrize(("kind", "kernel_size"), VIRTUAL_LAYERS)
@pytest.mark.parametrize("place", ["stem", "act", "block"])
def test_summed_contributions_are_the_weight_gradient_of_a_real_identity_layer(net, images, place, kind, kernel_size):
    seen = layer_gradients(net, images, 2, place)
    x, g = seen.activations[place], seen.gradients[place]
    parts = spatial_contributions(x, g, kind, kernel_size=kernel_size)

    identity = identity_layer(kind, x.shape[1], kernel_size)
    with torch.no_grad():
        torch.testing.assert_close(identity(x), x, rtol=0, atol=1e-12)
    setattr(net, place, nn.Sequential(getattr(net, place), identity))
    net.eval()(images)[:, 2].sum().backward()
    weight = identity.bias if kind == "bias" else identity.weight
    torch.testing.assert_close(parts.sum((0, 2, 3)), weight.grad.flatten(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("aggregate", AGGREGATES)
@pytest.mark.parametrize(("kind", "kernel_size"), VIRTUAL_LAYERS)
def test_every_cell_of_the_grid_equals_the_entries_written_out(kind, kernel_size, aggregate, generator):
    x, g = torch.randn(2, 2, 4, 5, 6, dtype=torch.float64, generator=generator)
    ours = AGGREGATES[aggregate](virtual_contributions(x, g, kind, kernel_size))
    entries = spatial_contributions(x, g, kind, kernel_size=kernel_size)
    torch.testing.assert_close(ours, WRITTEN_OUT[aggregate](entries), rtol=1e-12, atol=1e-12)


def test_norm_of_an_outer_product_is_the_product_of_norms(generator):
    x, g = torch.randn(2, 3, 7, 4, 5, dtype=torch.float64, generator=generator)
    outer = torch.einsum("bihw,bjhw->bijhw", g, x).flatten(1, 2).norm(dim=1)
    torch.testing.assert_close(virtual_contributions(x, g).norm(), outer)
    torch.testing.assert_close(x.norm(dim=1) * g.norm(dim=1), outer)


def test_norm_of_a_patch_by_box_filter_equals_unfold(generator):
    x, g = torch.randn(2, 3, 7, 4, 5, dtype=torch.float64, generator=generator)
    patch = nn.functional.unfold(x, 3, padding=1).norm(dim=1).reshape(3, 4, 5)
    torch.testing.assert_close(virtual_contributions(x, g, "conv", 3).norm(), patch * g.norm(dim=1))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_signed_factors_and_padding_are_reduced_right(data):
    """Extremes are the delicate case: all entries negative, zeros from padding, several groups."""
    integers = st.integers(-3, 3)
    groups, features = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    shape = (1, groups, features, 2, 3)
    count = groups * features * 6
    factors = [
        torch.tensor(data.draw(st.lists(integers, min_size=count, max_size=count))).double().reshape(shape)
        for _ in range(2)
    ]
    both = Contributions(*factors, Window.centred(data.draw(st.sampled_from([1, 3]))))
    for name, written_out in WRITTEN_OUT.items():
        torch.testing.assert_close(AGGREGATES[name](both), written_out(both.entries()))


CONVOLUTIONS = {
    "plain": {"kernel_size": 3},
    "stride": {"kernel_size": 3, "stride": 2, "padding": 1},
    "oblong": {"kernel_size": (3, 2), "stride": (1, 2), "padding": (0, 1), "dilation": (2, 1)},
    "dilation": {"kernel_size": 3, "dilation": 2, "padding": 2},
    "groups": {"kernel_size": 3, "padding": 1, "groups": 2},
    "depthwise": {"kernel_size": 3, "padding": 1, "groups": 4},
    "same": {"kernel_size": (2, 4), "padding": "same", "dilation": (1, 3)},
    "valid": {"kernel_size": 2, "padding": "valid"},
    "reflect": {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    "replicate": {"kernel_size": 5, "padding": 2, "padding_mode": "replicate", "stride": 3},
    "circular": {"kernel_size": 3, "padding": 1, "padding_mode": "circular", "groups": 2},
    "one": {"kernel_size": 1, "stride": 2, "bias": False},
}


@pytest.fixture(params=CONVOLUTIONS)
def conv_net(request):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 4, **CONVOLUTIONS[request.param])
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), conv, nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)
    ).double()


def test_real_contributions_add_up_to_the_weight_gradient(conv_net, images):
    seen = layer_gradients(conv_net, images, 1, "1", with_inputs=True)
    conv_net(images)[:, 1].sum().backward()
    entries = real_contributions(conv_net[1], seen.inputs["1"], seen.gradients["1"]).entries()
    torch.testing.assert_close(entries.sum((0, 2, 3)), conv_net[1].weight.grad.flatten(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("aggregate", AGGREGATES)
def test_real_layer_maps_equal_the_entries_written_out(conv_net, images, aggregate):
    seen = layer_gradients(conv_net, images, 1, "1", with_inputs=True)
    entries = real_contributions(conv_net[1], seen.inputs["1"], seen.gradients["1"]).entries()
    ours = backprop_saliency(
        conv_net, images, 1, conv_net[1], extract="real", aggregate=aggregate, resize=False, normalise=False
    )
    torch.testing.assert_close(ours, WRITTEN_OUT[aggregate](entries))


def test_an_identity_convolution_has_the_map_of_the_virtual_one(images):
    conv = identity_layer("conv", 3, 3)
    net = nn.Sequential(nn.Tanh(), conv, nn.Tanh(), nn.Flatten(), nn.Linear(297, 5).double())
    real = backprop_saliency(net, images, 1, "1", extract="real", normalise=False)
    virtual = backprop_saliency(net, images, 1, "0", extract="conv", kernel_size=3, normalise=False)
    torch.testing.assert_close(real, virtual)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: spatial_contributions(x, x, "dense"), "unknown virtual layer 'dense'"),
        (lambda x: spatial_contributions(x, x[:, :1]), "one shape"),
        (lambda x: spatial_contributions(x[0], x[0]), "one shape"),
        (lambda x: spatial_contributions(x, x, "conv", kernel_size=2), "odd positive int.*got 2"),
        (lambda x: spatial_contributions(x, x, "conv", kernel_size=0), "odd positive int"),
        (lambda x: spatial_contributions(x, x, "scaling", kernel_size=3), "belongs to 'conv' and 'depthwise'"),
    ],
)
def test_bad_input_is_named(images, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(images)
