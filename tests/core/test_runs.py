"""A module that runs more than once in a forward pass: every method sees the same run of it, and any can be named."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.capture import layer_activations, layer_gradients
from netopsy.core.layers import layer_names
from netopsy.core.per_sample import PerSampleModel
from netopsy.core.split import editing, run_to, split_model
from netopsy.interpretability.cnn_visualization import LayerUnits, deconvnet, invert_representation, maximise_activation
from netopsy.interpretability.eigen_cam import eigen_cam, last_grid_layer
from netopsy.interpretability.gan_dissection import edit_layer
from netopsy.interpretability.norm_grad import grad_cam, meta_saliency, norm_grad
from netopsy.interpretability.top_images import top_images


class Reusing(nn.Module):
    """One rectifier after each of three convolutions."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.c = (nn.Conv2d(2, 2, 3, padding=1) for _ in range(3))
        self.relu, self.head = nn.ReLU(), nn.Linear(2, 3)

    def forward(self, x):
        for layer in (self.a, self.b, self.c):
            x = self.relu(layer(x))
        return self.head(x.mean((2, 3)))


class Single(Reusing):
    """The same network with a rectifier for every place."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = nn.ReLU(), nn.ReLU(), nn.ReLU()

    def forward(self, x):
        x = self.three(self.c(self.two(self.b(self.one(self.a(x))))))
        return self.head(x.mean((2, 3)))


RUNS = {"relu": "one", "relu#1": "one", "relu#2": "two", "relu#3": "three"}
METHODS = {
    "layer_activations": lambda net, x, layer: next(iter(layer_activations(net, x, layer).values())),
    "layer_gradients": lambda net, x, layer: next(iter(layer_gradients(net, x, 1, layer).gradients.values())),
    "run_to": lambda net, x, layer: run_to(net, layer, x),
    "deconvnet": lambda net, x, layer: deconvnet(net, x, layer),
    "norm_grad": lambda net, x, layer: norm_grad(net, x, 1, layer),
    "grad_cam": lambda net, x, layer: grad_cam(net, x, 1, layer),
    "meta_saliency": lambda net, x, layer: meta_saliency(norm_grad, net, x, 1, lr=0.1, layer=layer),
    "eigen_cam": lambda net, x, layer: eigen_cam(net, x, layer),
    "top_images": lambda net, x, layer: top_images(net, layer, x, k=2).values,
    "invert": lambda net, x, layer: invert_representation(net, layer, x, steps=3).images,
    "maximise": lambda net, x, layer: maximise_activation(net, LayerUnits(layer), (2, 6, 6), steps=3).images,
    "per_sample": lambda net, x, layer: PerSampleModel(net, {"a.bias": torch.zeros(len(x), 2)}).tapped(x, [layer])[1][
        layer
    ],
}
methods = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


@pytest.fixture
def images():
    return torch.rand(4, 2, 6, 6, generator=torch.Generator().manual_seed(1))


@methods
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.filterwarnings("ignore:layer 'relu' runs 3 times", "ignore:.*had no gradient")
def test_every_method_sees_the_run_that_is_named_and_otherwise_the_first(method, run, images):
    expected = method(Single(), images, RUNS[run])
    torch.testing.assert_close(method(Reusing(), images, run), expected)


@methods
def test_a_run_that_is_not_named_is_told(method, images):
    with pytest.warns(UserWarning, match="layer 'relu' runs 3 times in a forward pass, and its first run is meant"):
        method(Reusing(), images, "relu")


@pytest.mark.parametrize("run", ["relu#1", "relu#2", "relu#3"])
def test_one_run_is_edited_and_cut_behind(run, images):
    net, single = Reusing(), Single()
    with editing(net, {run: lambda seen: 2 * seen}), editing(single, {RUNS[run]: lambda seen: 2 * seen}):
        torch.testing.assert_close(net(images), single(images))
        torch.testing.assert_close(net(images), single(images))
    with edit_layer(net, run, torch.tensor([1.0, 0.0])), edit_layer(single, RUNS[run], torch.tensor([1.0, 0.0])):
        torch.testing.assert_close(net(images), single(images))
    parts = split_model(net, run, images)
    torch.testing.assert_close(parts.tail(parts.head(images)), net(images))
    assert not net._forward_pre_hooks
    assert not net.relu._forward_hooks


def test_several_runs_at_once(images):
    seen = layer_activations(Reusing(), images, ["relu#3", "relu#1"])
    expected = layer_activations(Single(), images, ["three", "one"])
    torch.testing.assert_close(list(seen.values()), list(expected.values()))


def test_the_last_grid_is_the_last_run(images):
    assert last_grid_layer(Reusing(), images) == "relu#3"
    assert last_grid_layer(Single(), images) == "three"
    assert torch.equal(eigen_cam(Reusing(), images), eigen_cam(Single(), images, "three"))


@pytest.mark.parametrize("layer", ["relu#4", "relu#9"])
def test_a_run_that_there_is_none_of_is_named(layer, images):
    with pytest.raises(InputError, match=layer.partition("#")[0]):
        layer_activations(Reusing(), images, layer)
    with pytest.raises(InputError, match="runs 3 times"):
        run_to(Reusing(), layer, images)


@pytest.mark.parametrize("layer", ["relu#0", "relu#", "relu#x", "elu#2", "#1"])
def test_what_names_no_run_is_refused(layer):
    with pytest.raises(InputError, match="unknown layer"):
        layer_names(Reusing(), layer)


def test_a_number_in_a_modules_own_name_is_no_run():
    net = nn.Sequential()
    net.add_module("relu#2", nn.ReLU())
    assert layer_names(net, "relu#2") == ["relu#2"]
    assert layer_activations(net, torch.ones(1, 1), "relu#2")["relu#2"].tolist() == [[1.0]]
