"""Projections of activations against captum's, against transposed convolutions written out, and on odd networks."""

import pytest
import torch
from captum.attr import GuidedBackprop, NeuronDeconvolution, NeuronGuidedBackprop
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from netopsy import InputError
from netopsy.core.split import run_to
from netopsy.interpretability.cnn_visualization.deconvolution import crop_to_field, deconvnet
from netopsy.interpretability.receptive_field import receptive_field

pytestmark = pytest.mark.filterwarnings("ignore:Setting backward hooks", "ignore:.*requires_grad.*")


def plain(pool=None):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        pool or nn.MaxPool2d(2),
        nn.Conv2d(6, 5, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(5 * 3 * 2, 4),
    ).double()


@pytest.fixture
def pictures():
    return torch.randn(3, 3, 10, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("guided", "peer"), [(False, NeuronDeconvolution), (True, NeuronGuidedBackprop)])
@pytest.mark.parametrize("unit", [0, 3])
def test_it_is_captums_times_the_activation(pictures, guided, peer, unit):
    net = plain()
    activations = net[:5](pictures).detach()
    for place in [(0, 0), (2, 1)]:
        theirs = peer(net, net[4]).attribute(pictures.clone().requires_grad_(), (unit, *place))
        height = activations[:, unit, place[0], place[1]]
        ours = deconvnet(net, pictures, "4", unit, position=place, guided=guided)
        torch.testing.assert_close(ours, theirs * height[:, None, None, None], rtol=1e-12, atol=1e-12)


def test_of_a_dense_layer_it_is_captums_too(pictures):
    net = plain()
    height = net(pictures).detach()
    theirs = GuidedBackprop(net).attribute(pictures.clone().requires_grad_(), target=2)
    sign = height[:, 2].sign()
    ours = deconvnet(net, pictures, "6", 2, guided=True)
    positive = sign > 0
    assert positive.any()
    expected = theirs * height[:, 2][:, None, None, None]
    torch.testing.assert_close(ours[positive], expected[positive], rtol=1e-12, atol=1e-12)


def test_of_one_linear_layer_it_is_the_transposed_weights():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    images = torch.randn(4, 3, 2, 2)
    activations = net(images).detach()
    expected = torch.einsum("bk,kd->bkd", activations, net[1].weight).reshape(4, 5, 3, 2, 2)
    torch.testing.assert_close(deconvnet(net, images, "1"), expected)


def written_out(net, image, unit):
    """Zeiler and Fergus's way down, place by place: unpool into the switches, rectify, convolve with the transpose."""
    first, second, pool = net[0], net[3], net[2]
    lower = functional.relu(first(image))
    pooled, switches = functional.max_pool2d(lower, pool.kernel_size, pool.stride, pool.padding, return_indices=True)
    upper = second(pooled)[0, unit].relu()
    row, column = divmod(int(upper.argmax()), upper.shape[1])
    signal = torch.zeros(1, second.out_channels, *upper.shape, dtype=torch.float64)
    signal[0, unit, row, column] = upper[row, column]
    down = functional.conv_transpose2d(signal.relu(), second.weight)
    unpooled = torch.zeros_like(lower).flatten(2)
    for channel in range(down.shape[1]):
        for value, switch in zip(down[0, channel].flatten(), switches[0, channel].flatten(), strict=True):
            unpooled[0, channel, switch] += value
    return functional.conv_transpose2d(unpooled.reshape_as(lower).relu(), first.weight, padding=first.padding)[0]


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1)], ids=["plain", "overlapping"])
def test_it_is_the_way_down_written_out(pictures, pool):
    net = plain(pool)
    found = deconvnet(net, pictures, "4")
    for image in range(3):
        for unit in range(5):
            expected = written_out(net, pictures[image : image + 1], unit).detach()
            torch.testing.assert_close(found[image, unit], expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([False, True]), st.floats(0.1, 10.0))
def test_without_biases_it_grows_with_the_square_of_the_image(seed, guided, factor):
    """The network is then homogeneous: switches stay, the activation and so the signal grow with the image."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 3, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 2, 2, bias=False))
    net = net.double()
    image = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    once = deconvnet(net, image, "3", guided=guided)
    torch.testing.assert_close(deconvnet(net, factor * image, "3", guided=guided), factor * once)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_of_a_linear_network_the_projection_gives_back_the_square_of_the_activation(seed):
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(3)
    norm.running_var.uniform_(0.5, 2)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False, stride=2), norm, nn.AvgPool2d(2, 1), nn.Conv2d(3, 4, 2, bias=False)
    )
    net = net.double().eval()
    image = torch.randn(2, 2, 9, 9, dtype=torch.float64)
    top = net(image).flatten(2).amax(2)
    found = deconvnet(net, image, "3")
    torch.testing.assert_close((found * image[:, None]).flatten(2).sum(2), top**2)


def test_the_signal_of_a_shortcut_goes_both_ways(pictures):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False).double()

        def forward(self, x):
            return x + self.conv(x)

    block = Residual()
    net = nn.Sequential(block)
    branch = deconvnet(nn.Sequential(block.conv), pictures, "0", 1, position=(4, 4))
    height = net(pictures)[:, 1, 4, 4].detach()
    of_branch = block.conv(pictures)[:, 1, 4, 4].detach()
    expected = branch * (height / of_branch)[:, None, None, None]
    expected[:, 1, 4, 4] += height
    torch.testing.assert_close(deconvnet(net, pictures, "0", 1, position=(4, 4)), expected)


class Functional(nn.Module):
    """One convolution behind another, with the rectifier between them written in a chosen way."""

    def __init__(self, rectify):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 6, 3).double(), nn.Conv2d(6, 5, 3).double()
        self.rectify = rectify

    def forward(self, x):
        return self.second(self.rectify(self.first(x)))


def kept_in_place(x):
    x.relu_()
    return x


@pytest.mark.parametrize(
    "rectify",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        functional.relu,
        torch.relu,
        torch.relu_,
        lambda x: x.relu(),
        lambda x: functional.relu(x, True),
        lambda x: functional.relu(input=x, inplace=True),
        kept_in_place,
        lambda x: x.clamp(min=0),
        lambda x: torch.clamp_min(x, 0.0),
        lambda x: x.clamp_(0, 1e9),
        lambda x: functional.leaky_relu(x, 0.0),
        nn.Threshold(0.0, 0.0),
        lambda x: functional.threshold(x, threshold=0, value=0),
    ],
)
@pytest.mark.parametrize("guided", [False, True])
def test_rectifiers_that_are_no_layers_are_seen(pictures, rectify, guided):
    reference = Functional(nn.ReLU())
    expected = deconvnet(reference, pictures, "second", guided=guided)
    assert not torch.allclose(expected, deconvnet(reference, pictures, "second", guided=not guided))
    torch.testing.assert_close(deconvnet(Functional(rectify), pictures, "second", guided=guided), expected)


def test_a_rectifier_elsewhere_is_left_alone(pictures):
    """A clamp that does not cut at zero is no rectifier: its own derivative goes back."""
    bounded = Functional(lambda x: x.clamp(-0.1, 0.1))
    found = deconvnet(bounded, pictures, "second", 0, position=(1, 1))
    start = pictures.clone().requires_grad_()
    height = bounded(start)[:, 0, 1, 1]
    (gradient,) = torch.autograd.grad(height.sum(), start)
    torch.testing.assert_close(found, gradient * height.detach()[:, None, None, None])


@pytest.mark.parametrize("layer", [nn.LeakyReLU(0.2), nn.ReLU6(), nn.ELU(), nn.GELU(), nn.SiLU(), nn.PReLU().double()])
def test_relatives_of_relu_rectify_the_signal_and_keep_their_values(pictures, layer):
    net = Functional(layer)
    found = deconvnet(net, pictures, "second", 2, position=(1, 1))
    height = net(pictures)[:, 2, 1, 1].detach()
    signal = torch.zeros(3, 5, 6, 4, dtype=torch.float64)
    signal[:, 2, 1, 1] = height
    down = functional.conv_transpose2d(signal, net.second.weight).relu()
    torch.testing.assert_close(found, functional.conv_transpose2d(down, net.first.weight).detach())


def test_one_unit_an_image_several_and_all_agree(net, images):
    every = deconvnet(net, images, "block")
    torch.testing.assert_close(deconvnet(net, images, "block", [2, 0]), every[:, [2, 0]])
    torch.testing.assert_close(deconvnet(net, images, "block", 3), every[:, 3])
    chosen = torch.tensor([1, 3, 0])
    torch.testing.assert_close(deconvnet(net, images, "block", chosen), every[torch.arange(3), chosen])
    torch.testing.assert_close(deconvnet(net, images, "block", chosen, batch_size=2), every[torch.arange(3), chosen])


def test_parts_of_all_units_are_the_whole(net, images, monkeypatch):
    every = deconvnet(net, images, "block")
    monkeypatch.setattr("netopsy.interpretability.cnn_visualization.deconvolution._AT_ONCE", 1)
    torch.testing.assert_close(deconvnet(net, images, "block"), every)


def test_the_whole_map_of_a_linear_layer_is_the_sum_over_its_places(pictures):
    net = nn.Sequential(nn.Conv2d(3, 2, 3)).double()
    places = [deconvnet(net, pictures, "0", 1, position=(row, column)) for row in range(8) for column in range(6)]
    torch.testing.assert_close(deconvnet(net, pictures, "0", 1, position=None), torch.stack(places).sum(0))


def test_nothing_is_left_out_by_the_crop(pictures):
    net = plain()
    whole, cut = (deconvnet(net, pictures, "4", crop=crop) for crop in (False, True))
    field = receptive_field(net, "4", pictures)
    assert cut.shape == (3, 5, 3, *field.size)
    torch.testing.assert_close(cut.flatten(2).sum(2), whole.flatten(2).sum(2))
    torch.testing.assert_close(cut.abs().flatten(2).sum(2), whole.abs().flatten(2).sum(2))
    places = run_to(net, "4", pictures).flatten(2).argmax(2)
    rows, columns = places // 2, places % 2
    for unit in range(5):
        expected = crop_to_field(whole[:, unit], field, rows[:, unit], columns[:, unit])
        torch.testing.assert_close(cut[:, unit], expected)


def test_the_model_is_left_as_it_was(net, images, left_as_found):
    net.train()
    before = left_as_found(net)
    outside = deconvnet(net, images, "block", guided=True)
    with torch.no_grad():
        assert torch.equal(deconvnet(net, images, "block", guided=True), outside)
    with torch.inference_mode():
        torch.testing.assert_close(deconvnet(net, images, "block", guided=True), outside)
    assert not outside.requires_grad
    assert left_as_found(net) == before
    assert net.act(torch.tensor([-1.0, 1.0], requires_grad=True) * 1).grad_fn.name().startswith("Relu")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net, x: deconvnet(net, x, "nosuch"), "unknown layer 'nosuch'"),
        (lambda net, x: deconvnet(net, x, ""), "got the input"),
        (lambda net, x: deconvnet(net, x[0], "act"), r"images must be \[batch, channels, height, width\]"),
        (lambda net, x: deconvnet(net, x / 0, "act"), "NaN or infinite"),
        (lambda net, x: deconvnet(net, x, "act", 4), "unit 4 is out of range: this layer has units 0 to 3"),
        (lambda net, x: deconvnet(net, x, "act", -1), "unit -1 is out of range"),
        (lambda net, x: deconvnet(net, x, "act", []), "units must be"),
        (lambda net, x: deconvnet(net, x, "act", "all"), "units must be"),
        (lambda net, x: deconvnet(net, x, "act", [0.5]), "units must be ints"),
        (lambda net, x: deconvnet(net, x, "act", torch.tensor([1, 2])), "one for each image"),
        (lambda net, x: deconvnet(net, x, "act", 0, position=(9, 0)), "grid of 5x4"),
        (lambda net, x: deconvnet(net, x, "act", 0, position="top"), "position must be 'max'"),
        (lambda net, x: deconvnet(net, x, "out", 0, position=(0, 0)), "has no grid"),
        (lambda net, x: deconvnet(net, x, "act", 0, position=None, crop=True), "crop=True needs one position"),
        (lambda net, x: deconvnet(net, x, "act", batch_size=0), "batch_size must be at least 1"),
        (lambda net, x: deconvnet(torch.jit.script(nn.Sequential(nn.ReLU())), x, "0"), "TorchScript"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_bad_input_is_named_in_one_sentence(net, images, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(net, images)
