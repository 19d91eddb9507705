"""The named maps against closed forms and captum; the manners of every map; bad input."""

import copy

import captum.attr
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.capture import layer_gradients
from netopsy.interpretability.norm_grad import (
    backprop_saliency,
    class_sensitivity,
    grad_cam,
    gradient_saliency,
    linear_approx,
    norm_grad,
    selective_norm_grad,
    token_grid,
)

METHODS = [norm_grad, selective_norm_grad, linear_approx, grad_cam, gradient_saliency]
LAYERS = ["stem", "act", "block", "block.conv"]
RAW = {"resize": False, "normalise": False}
methods = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)


def captured(net, images, target, layer):
    seen = layer_gradients(net, images, target, layer)
    return seen.activations[layer], seen.gradients[layer]


@pytest.mark.parametrize("layer", LAYERS)
def test_named_maps_equal_their_formulas(net, images, layer):
    x, g = captured(net, images, 1, layer)
    expected = {
        norm_grad: x.norm(dim=1) * g.norm(dim=1),
        selective_norm_grad: (x * g).clamp(min=0).norm(dim=1),
        linear_approx: (x * g).sum(1),
        grad_cam: (x * g.mean((2, 3), keepdim=True)).sum(1).relu(),
        gradient_saliency: g.abs().amax(1),
    }
    for method, formula in expected.items():
        torch.testing.assert_close(method(net, images, 1, layer, **RAW), formula)


@pytest.mark.parametrize("layer", LAYERS)
def test_named_maps_are_cells_of_the_grid(net, images, layer):
    cells = {
        norm_grad: ("conv", "norm"),
        selective_norm_grad: ("scaling", "filter_norm"),
        linear_approx: ("scaling", "sum"),
        gradient_saliency: ("bias", "max_abs"),
    }
    for method, (extract, aggregate) in cells.items():
        cell = backprop_saliency(net, images, 1, layer, extract=extract, aggregate=aggregate)
        torch.testing.assert_close(method(net, images, 1, layer), cell)


@methods
def test_half_precision_gives_the_maps_of_full_precision_although_squares_do_not_fit(method, net, images):
    with torch.no_grad():
        net.stem.weight.mul_(300)
    half, exact = copy.deepcopy(net).half(), copy.deepcopy(net).half().double()
    assert captured(half, images.half(), 1, "act")[0].square().isinf().any()
    maps = method(half, images.half(), 1, "act")
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps.double(), method(exact, images.half().double(), 1, "act"), atol=0.02, rtol=0)


@pytest.mark.parametrize("layer", LAYERS)
def test_linear_approximation_and_grad_cam_agree_with_captum(net, images, layer):
    # captum sees the wrong tensor behind in-place operations, so it gets the same network without them.
    net.eval().act.inplace = net.block.relu.inplace = False
    x = images.clone().requires_grad_()
    module = dict(net.named_modules())[layer]
    theirs = captum.attr.LayerGradientXActivation(net, module).attribute(x, target=3).sum(1)
    torch.testing.assert_close(linear_approx(net, images, 3, layer, **RAW), theirs.detach())
    theirs = captum.attr.LayerGradCam(net, module).attribute(x, target=3)[:, 0].relu()
    torch.testing.assert_close(grad_cam(net, images, 3, layer, **RAW), theirs.detach())


@pytest.mark.parametrize(("rule", "peer"), [("guided", "GuidedBackprop"), ("deconv", "Deconvolution")])
def test_relu_rules_agree_with_captum(images, rule, peer):
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.ReLU(),
        nn.Conv2d(6, 6, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 5),
    ).double()
    theirs = getattr(captum.attr, peer)(net).attribute(images.clone().requires_grad_(), target=3)
    ours = gradient_saliency(net, images, 3, relu=rule, normalise=False)
    torch.testing.assert_close(ours, theirs.abs().amax(1))
    net[1].inplace = net[3].inplace = True
    torch.testing.assert_close(gradient_saliency(net, images, 3, relu=rule, normalise=False), ours)
    assert net[1].inplace


class OneFunction(nn.Sequential):
    """Two rectifiers, the second of which may be a function that is called on the way."""

    def __init__(self, rectify):
        torch.manual_seed(3)
        super().__init__(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.dense, self.rectify = nn.Linear(24, 5), rectify

    def forward(self, x):
        first, relu, second, pool, flatten = list(self)[:5]
        return self.dense(flatten(pool(self.rectify(second(relu(first(x)))))))


@pytest.mark.parametrize("rule", ["guided", "deconv"])
@pytest.mark.parametrize("rectify", [torch.relu, nn.functional.relu, torch.Tensor.relu, nn.Threshold(0, 0)])
def test_a_function_beside_layers_follows_the_same_rule(images, rule, rectify):
    layers, mixed = OneFunction(nn.ReLU()).double(), OneFunction(rectify).double()
    expected = gradient_saliency(layers, images, 3, relu=rule, normalise=False)
    torch.testing.assert_close(gradient_saliency(mixed, images, 3, relu=rule, normalise=False), expected)
    theirs = getattr(captum.attr, {"guided": "GuidedBackprop", "deconv": "Deconvolution"}[rule])(layers)
    torch.testing.assert_close(expected, theirs.attribute(images.clone().requires_grad_(), target=3).abs().amax(1))


def test_in_a_relu_network_without_biases_the_shares_add_up_to_the_logit():
    """It is piecewise linear through the origin, so gradient times activation is the whole logit, at any depth."""
    torch.manual_seed(0)
    convs = [nn.Conv2d(a, b, 3, bias=False) for a, b in [(1, 4), (4, 6), (6, 6)]]
    net = nn.Sequential(
        *(m for c in convs for m in (c, nn.ReLU())), nn.Flatten(), nn.Linear(6 * 30, 3, bias=False)
    ).double()
    x = torch.randn(4, 1, 11, 12, dtype=torch.float64)
    logit = net(x)[:, 2]
    for maps in linear_approx(net, x, 2, ["", "0", "1", "2", "3", "4", "5"], **RAW).values():
        torch.testing.assert_close(maps.sum((1, 2)), logit)


def test_before_global_pooling_and_a_linear_layer_everything_is_known():
    """The gradient is constant over locations there."""
    torch.manual_seed(0)
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)]
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), *head)
    x, weight = torch.randn(5, 1, 9, 8), head[2].weight.detach()

    assert (backprop_saliency(net, x, 2, "1", extract="bias", aggregate="norm") == 0).all()
    assert (backprop_saliency(net, x, 2, "1", extract="bias", aggregate="sum") == 0).all()

    one, other = (norm_grad(net, x, c, "1", **RAW) for c in (0, 3))
    ratio = (weight[0].norm() / weight[3].norm()).expand_as(one)
    torch.testing.assert_close((one / other)[other > 0], ratio[other > 0])
    assert (class_sensitivity(norm_grad, net, x, layer="1") == 1).all()

    activation = net[:2](x).detach()
    cam = torch.einsum("bkhw,k->bhw", activation, weight[2])
    torch.testing.assert_close(linear_approx(net, x, 2, "1", **RAW), cam / (7 * 6))
    torch.testing.assert_close(grad_cam(net, x, 2, "1", **RAW), cam.relu() / (7 * 6))


@methods
def test_several_layers_from_one_pass_equal_one_at_a_time(net, images, method, monkeypatch):
    target = torch.tensor([4, 0, 2])
    alone = {layer: method(net, images, target, layer) for layer in LAYERS}
    passes = []
    net.register_forward_pre_hook(lambda *_: passes.append(1))
    together = method(net, images, target, LAYERS)
    assert list(together) == LAYERS
    assert len(passes) == 1
    for layer in LAYERS:
        torch.testing.assert_close(together[layer], alone[layer])


@methods
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(11, 9), (8, 15), (3, 3)])
def test_maps_have_the_size_of_the_image_and_run_from_0_to_1(method, channels, size, request):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(True), nn.Conv2d(4, 4, 3, 2, 1), nn.Flatten())
    net.append(nn.LazyLinear(3))
    images = torch.randn(2, channels, *size)
    net(images)
    for maps in method(net, images, 1, ["", "0", "2"]).values():
        assert maps.shape == (2, *size)
        assert maps.dtype == torch.float32
        assert not maps.requires_grad
        assert maps.min() >= 0
        assert maps.max() <= 1
    coarse = method(net, images, 1, "2", resize=False)
    assert coarse.shape == (2, (size[0] + 1) // 2, (size[1] + 1) // 2)


@methods
def test_target_as_a_function(net, images, method):
    torch.testing.assert_close(
        method(net, images, lambda out: out[:, 1], "act"), method(net, images, torch.tensor([1, 1, 1]), "act")
    )


def test_rules_for_rectifiers_leave_the_model_as_it_was(net, images, left_as_found):
    net.train()
    net.block.norm.eval()
    net.stem.bias.requires_grad_(False)
    before = left_as_found(net)
    gradient_saliency(net, images, 1, ["", "act", "block"], relu="guided")
    with pytest.raises(InputError):
        gradient_saliency(net, images, 99, relu="deconv")
    assert left_as_found(net) == before


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.first = nn.Parameter(torch.randn(1, 1, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.out = nn.Linear(8, 5)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = self.block(torch.cat([self.first.expand(len(x), -1, -1), tokens], dim=1))
        return self.out(tokens.mean(1))


@methods
def test_tokens_of_a_transformer(method):
    torch.manual_seed(0)
    net, images = Transformer().double(), torch.randn(2, 3, 8, 12, dtype=torch.float64)
    maps = method(net, images, 1, "block", reshape=token_grid(2, 3), **RAW)
    seen = layer_gradients(net, images, 1, "block")
    x, g = seen.activations["block"][:, 1:], seen.gradients["block"][:, 1:]
    if method is norm_grad:
        torch.testing.assert_close(maps, (x.norm(dim=2) * g.norm(dim=2)).reshape(2, 2, 3))
    assert maps.shape == (2, 2, 3)
    assert method(net, images, 1, "block", reshape=token_grid(2, 3)).shape == (2, 8, 12)


def test_token_grid_lays_tokens_out_row_by_row():
    tokens = torch.arange(7.0)[None, :, None].expand(2, 7, 3)
    assert token_grid(2, 3)(tokens)[1, 2].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert repr(token_grid(2, 3, skip=0)) == "TokenGrid(height=2, width=3, skip=0)"


def keyword_conv():
    class Keyword(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 5, 3)

        def forward(self, x):
            return self.conv(input=x).mean((2, 3))

    return Keyword().double()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net, x: norm_grad(net, x, 0, "block.conv2"), "unknown layer 'block.conv2': did you mean 'block.conv'"),
        (lambda net, x: norm_grad(net, x, 0, []), "empty sequence"),
        (lambda net, x: norm_grad(net, x, 5, "block"), "class 5 is out of range.*0 to 4"),
        (lambda net, x: norm_grad(net, x, torch.tensor([0, 1]), "block"), "target must be"),
        (lambda net, x: norm_grad(net, x[0], 0, "block"), r"images must be \[batch, channels, height, width\]"),
        (lambda net, x: norm_grad(net, x[:0], 0, "block"), "at least one"),
        (lambda net, x: norm_grad(net, x / 0, 0, "block"), "NaN or infinite"),
        (lambda net, x: norm_grad(net, x, 0, "out"), r"no grid.*reshape="),
        (lambda net, x: norm_grad(net, x, 0, "block", reshape=lambda v: v[0]), "reshape must turn layer 'block'"),
        (lambda net, x: norm_grad(net, x, 0, "block", reshape=lambda v: None), "reshape must turn.*NoneType"),
        (lambda net, x: norm_grad(net, x, 0, "flat", reshape=token_grid(2, 2)), r"2x2 grid.*\[batch, 5, channels\]"),
        (lambda net, x: norm_grad(net, x, 0, "block", extract="dense"), "unknown extract 'dense'"),
        (lambda net, x: norm_grad(net, x, 0, "block", kernel_size=4), "odd positive int"),
        (lambda net, x: norm_grad(net, x, 0, "block", extract="bias", kernel_size=3), "leave it at 1"),
        (lambda net, x: norm_grad(net, x, 0, "stem", extract="real", kernel_size=3), "has its own"),
        (
            lambda net, x: norm_grad(net, x, 0, "block", extract="real"),
            "needs an nn.Conv2d, but layer 'block' is Block",
        ),
        (lambda net, x: norm_grad(net, x, 0, "", extract="real"), "needs an nn.Conv2d"),
        (lambda net, x: norm_grad(net, x, 0, "stem", extract="real", reshape=token_grid(1, 1)), "reshape must be None"),
        (lambda net, x: norm_grad(keyword_conv(), x, 0, "conv", extract="real"), "positional"),
        (lambda net, x: backprop_saliency(net, x, 0, "block", aggregate="mean"), "unknown aggregate 'mean'"),
        (lambda net, x: gradient_saliency(net, x, 0, relu="odd"), "unknown relu rule 'odd'"),
        (lambda net, x: gradient_saliency(keyword_conv(), x, 0, relu="guided"), "this network has none"),
        (lambda net, x: token_grid(0, 3), "at least 1"),
        (lambda net, x: token_grid(2, 3, skip=-1), "skip must not be negative"),
    ],
)
def test_bad_input_is_named_in_one_sentence(net, images, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(net, images)


def test_options_are_refused_before_the_network_runs(net, images, unchecked):
    ran = []
    net.register_forward_pre_hook(lambda *_: ran.append(1))
    for options in (
        {"kernel_size": 2},
        {"extract": "dense"},
        {"extract": "real"},
        {"extract": "bias", "kernel_size": 3},
    ):
        with pytest.raises(InputError):
            norm_grad(net, images, 0, "block", **options)
    assert not ran
