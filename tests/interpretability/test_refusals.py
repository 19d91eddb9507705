"""What is refused before any work by what is no function of the catalogue that takes a network and images."""

import numpy as np
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.split import split_model
from netopsy.interpretability import gan_dissection as gan
from netopsy.interpretability.causal_paths import (
    discover_causal_graph,
    local_lipschitz,
    path_effect,
)
from netopsy.interpretability.cnn_visualization import (
    AlphaPenalty,
    L2Penalty,
    LayerUnits,
    TotalVariation,
    deconvnet,
    invert_representation,
    maximise_activation,
)
from netopsy.interpretability.concept_lens import ConceptLens
from netopsy.interpretability.eigen_cam import eigen_cam
from netopsy.interpretability.norm_grad import backprop_saliency
from netopsy.interpretability.pattern_net import PatternMiner

SHAPE = (3, 13, 17)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    ).eval()


def images(count=6):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(1))


def broken(count=6):
    given = images(count)
    given[0, 0, 0, 0] = torch.nan
    return given


def target(model):
    with torch.no_grad():
        return int(model(images()).argmax(1).mode().values)


def lens(model):
    return ConceptLens(model, "3", 2).fit(images())


def graph(model):
    return discover_causal_graph(model, images(), target(model))


ON_IMAGES = {
    "PatternMiner.fit": lambda net, x: PatternMiner(net, "3").fit(x, torch.arange(len(x)) % 2),
    "ConceptLens.fit": lambda net, x: ConceptLens(net, "3", 2).fit(x),
    "ConceptLens.encode": lambda net, x: lens(net).encode(x),
    "ConceptLens.importance": lambda net, x: lens(net).importance(x, 0),
    "ConceptLens.concept_maps": lambda net, x: lens(net).concept_maps(x),
    "ConceptLens.strategies": lambda net, x: lens(net).strategies(x, 0),
    "local_lipschitz": lambda net, x: local_lipschitz(lambda given: given.mean(1), x),
    "split_model": lambda net, x: split_model(net, "3", x),
}


@pytest.mark.parametrize("call", ON_IMAGES.values(), ids=ON_IMAGES)
def test_images_that_are_not_finite_not_float_or_of_another_type_are_named(call, unchecked, request):
    net = network()
    with pytest.raises(InputError, match="(images|inputs) hold NaN or infinite values; they must be finite"):
        call(net, broken())
    with pytest.raises(InputError, match=r"(images|inputs) must be a float tensor, got a tensor of torch\.uint8"):
        call(net, (images() * 255).byte())
    with pytest.raises(InputError, match=r"(images|inputs) must be .* at least one"):
        call(net, images()[:0])
    if request.node.callspec.id != "local_lipschitz":  # it knows no network
        with pytest.raises(
            InputError, match=r"inputs are torch\.float64, but the network's weights torch\.float32: convert"
        ):
            call(net, images().double())


def test_a_network_is_run_in_its_own_type():
    net = network().double()
    assert eigen_cam(net, images().double(), "3").dtype == torch.float64
    assert invert_representation(net, "3", images().double(), steps=2).images.dtype == torch.float64


def generator():
    torch.manual_seed(0)
    return nn.Sequential(nn.ConvTranspose2d(5, 6, 4), nn.ReLU(), nn.ConvTranspose2d(6, 3, 4, stride=2), nn.Sigmoid())


def segmenter(made):
    return torch.cat([made[:, :1] - made.mean(), made[:, 1:2] - made.mean()], 1)


ON_Z = {
    "dissect": lambda seg, z: gan.dissect(generator(), "1", seg, z),
    "unit_removal": lambda seg, z: gan.unit_removal(generator(), "1", seg, z, [0], 0),
    "conditional_mean": lambda seg, z: gan.conditional_mean(generator(), "1", seg, z, 0),
    "average_causal_effect": lambda seg, z: gan.average_causal_effect(generator(), "1", seg, z, [0], 0),
    "insertion_map": lambda seg, z: gan.insertion_map(generator(), "1", seg, z, [0], 0),
}


@pytest.mark.parametrize("call", ON_Z.values(), ids=ON_Z)
def test_a_generator_is_not_run_on_what_is_not_finite_nor_judged_by_a_segmenter_that_is_broken(call):
    z = torch.randn(20, 5, 1, 1, generator=torch.Generator().manual_seed(2))
    call(segmenter, z)
    with pytest.raises(InputError, match="segmenter returns NaN"):
        call(lambda made: segmenter(made) * torch.nan, z)
    z[7] = torch.nan
    with pytest.raises(InputError, match="z hold NaN or infinite values"):
        call(segmenter, z)


def test_a_segmenter_may_rule_a_class_out():
    z = torch.randn(20, 5, 1, 1, generator=torch.Generator().manual_seed(2))

    def sure(made):
        answer = segmenter(made)
        return torch.cat([answer, torch.full_like(answer[:, :1], -torch.inf)], 1)

    ours = gan.dissect(generator(), "1", sure, z)
    torch.testing.assert_close(ours.iou[:, :2], gan.dissect(generator(), "1", segmenter, z).iou)


def test_artefacts_are_not_looked_for_with_broken_images_or_features():
    z, real = torch.randn(20, 5, 1, 1), torch.rand(9, 3, 10, 10)
    mean = lambda made: made.mean((2, 3))  # noqa: E731
    with pytest.raises(InputError, match="real hold NaN"):
        gan.artefact_units(generator(), "1", z, real * torch.nan, mean, top=5)
    with pytest.raises(InputError, match="features must return finite numbers"):
        gan.artefact_units(generator(), "1", z, real, lambda made: mean(made) * torch.nan, top=5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: path_effect(net, "2", [0.5], [0], images(), 0), "nodes must be different whole numbers"),
        (lambda net: path_effect(net, "2", [0], [0], images(), 0, u=float("nan")), "u must be a finite number"),
        (lambda net: PatternMiner(net, "3", batch_size=0), "batch_size must be an int of at least 1, got 0"),
        (
            lambda net: invert_representation(net, "3", code=torch.full((1, 8, 7, 9), torch.nan), shape=SHAPE, steps=1),
            "code hold NaN or infinite values",
        ),
        (lambda net: TotalVariation(-1.0), "weight must be finite and not negative, got -1.0"),
        (lambda net: L2Penalty(torch.tensor([1.0, -1.0])), "weight must be finite and not negative"),
        (lambda net: AlphaPenalty(float("nan")), "weight must be finite and not negative, got nan"),
        (lambda net: maximise_activation(net, True, SHAPE, steps=1), "target must be ints"),
    ],
)
def test_options_that_cannot_be_are_named(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(network())


def test_numbers_of_numpy_are_classes_and_units_too(unchecked):
    net, x, one = network(), images(), np.int64(1)
    torch.testing.assert_close(backprop_saliency(net, x, one, "3"), backprop_saliency(net, x, 1, "3"))
    torch.testing.assert_close(deconvnet(net, x, "3", one), deconvnet(net, x, "3", 1))
    for ours, plain in ((one, 1), (LayerUnits("3", [one]), LayerUnits("3", [1]))):
        found, wanted = (maximise_activation(net, what, SHAPE, steps=2) for what in (ours, plain))
        torch.testing.assert_close(found.images, wanted.images)
        assert found.units == (1,)
    torch.testing.assert_close(lens(net).importance(x, one), lens(net).importance(x, 1))
    ours, plain = (path_effect(net, "2", [number], [number], x, number) for number in (one, 1))
    torch.testing.assert_close(ours.total, plain.total)
    label = target(net)
    assert discover_causal_graph(net, x, np.int64(label)).target == label
    z = torch.randn(20, 5, 1, 1, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        gan.conditional_mean(generator(), "1", segmenter, z, np.int64(0)),
        gan.conditional_mean(generator(), "1", segmenter, z, 0),
    )
