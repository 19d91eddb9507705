"""The maps that the eigen-cam study compares, and how each comes by its box."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.seeds import generator
from netopsy.core.shapes import Activations, Images, Maps
from netopsy.interpretability.eigen_cam import (
    channel_mean_map,
    eigen_cam,
    eigen_cam_from_activations,
    energy_map,
    grad_cam_plus_plus,
)
from netopsy.interpretability.layer_maps import activation_maps
from netopsy.interpretability.localisation import Boxes, localisation_error
from netopsy.interpretability.norm_grad import grad_cam, linear_approx

EIGEN, GRAD, PLUS, CAM = "Eigen-CAM", "Grad-CAM", "Grad-CAM++", "CAM"
ENERGY, MEAN, RANDOM = "energy", "channel mean", "random"
CENTRED, SECOND = "centred", "2nd component"
METHODS = (EIGEN, GRAD, PLUS, CAM, ENERGY, MEAN, RANDOM, CENTRED, SECOND)
TRIVIAL = (ENERGY, MEAN)


@torch.no_grad()
def answers(model: nn.Module, images: Images) -> Tensor:
    """The predicted classes."""
    return torch.cat([model(some).argmax(1) for some in images.split(250)])


def all_maps(model: nn.Module, images: Images, layers: Sequence[str]) -> dict[str, dict[str, Maps]]:
    """Layer to method to maps; what needs a class explains the predicted one.

    CAM is for the last layer, behind which there are only the mean over places and a linear layer: gradient times
    activation is then the class's weights times the activations.
    """
    parts = [_some_maps(model, some, layers, number) for number, some in enumerate(images.split(250))]
    return {
        layer: {method: torch.cat([part[layer][method] for part in parts]) for method in parts[0][layer]}
        for layer in layers
    }


def _some_maps(model: nn.Module, images: Images, layers: Sequence[str], number: int) -> dict[str, dict[str, Maps]]:
    target, where = answers(model, images), list(layers)
    random = generator(number)

    def second(values: Activations) -> Maps:
        return eigen_cam_from_activations(values, components=2).projections[:, 1].relu()

    def noise(values: Activations) -> Maps:
        return torch.rand(values[:, 0].shape, generator=random).to(values)

    found: dict[str, Any] = {
        EIGEN: eigen_cam(model, images, where),
        GRAD: grad_cam(model, images, target, where),
        PLUS: grad_cam_plus_plus(model, images, target, where),
        CAM: linear_approx(model, images, target, where[-1:]),
        ENERGY: energy_map(model, images, where),
        MEAN: channel_mean_map(model, images, where),
        RANDOM: activation_maps(model, images, where, noise),
        CENTRED: eigen_cam(model, images, where, centre=True),
        SECOND: activation_maps(model, images, where, second),
    }
    return {layer: {name: maps[layer] for name, maps in found.items() if layer in maps} for layer in where}


def best_thresholds(
    maps: dict[str, dict[str, Maps]], boxes: Boxes, thresholds: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Layer to method to the threshold of least error; of equal ones the smallest."""
    return {
        layer: {
            name: min(thresholds, key=lambda threshold: localisation_error(own, boxes, threshold))
            for name, own in of_layer.items()
        }
        for layer, of_layer in maps.items()
    }


def other_heads(model: nn.Module, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """The network with its last linear layer drawn anew, with its classes permuted, and without it."""
    random = generator(seed)
    for change in ("randomised", "permuted", "deleted"):
        other: Any = copy.deepcopy(model)
        head = other.output
        order = torch.randperm(head.out_features, generator=random).to(head.weight.device)
        with torch.no_grad():
            if change == "randomised":
                head.weight.copy_(torch.randn(head.weight.shape, generator=random))
                head.bias.copy_(torch.randn(head.bias.shape, generator=random))
            elif change == "permuted":
                head.weight.copy_(head.weight[order])
                head.bias.copy_(head.bias[order])
            else:
                other.output = nn.Identity()
        yield change, other
