"""What the eigen-cam study measures: errors of boxes by method, with noise and after mistakes, other heads, cost."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.modes import evaluating, frozen
from netopsy.core.seeds import derive, generator, seeded
from netopsy.core.shapes import Activations, Images, Labels, Maps
from netopsy.interpretability.eigen_cam import (
    channel_mean_map,
    eigen_cam,
    eigen_cam_from_activations,
    energy_map,
    grad_cam_plus_plus,
)
from netopsy.interpretability.layer_maps import activation_maps
from netopsy.interpretability.localisation import Boxes, localisation_error, localised
from netopsy.interpretability.norm_grad import grad_cam, linear_approx
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import growth
from netopsy.lab.plots import to_text
from netopsy.lab.subjects.images import ImageSubject, Scenes, trained
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.eigen_cam.plan import (
    CAM,
    CENTRED,
    CLEAN,
    EIGEN,
    ENERGY,
    GRAD,
    HALF_TRAINED,
    MEAN,
    NOISE,
    PLUS,
    RANDOM,
    SECOND,
    Attack,
    Config,
)

LayeredMaps = dict[str, dict[str, Maps]]
"""Layer to method to maps."""


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell: train it, then measure everything on it. And the cost by image and by layer."""
    for seed in range(config.seeds):
        yield Cell.of(
            networks,
            seed=seed,
            subject=config.subject,
            attack=config.attack,
            calibration=config.calibration,
            thresholds=config.thresholds,
            examples=config.examples if seed == 0 else 0,
        )
    yield Cell.of(cost, sides=config.sides)
    yield Cell.of(cost_by_units, units=config.units)


def networks(
    seed: int, subject: ImageSubject, attack: Attack, calibration: int, thresholds: tuple[float, ...], examples: int
) -> Rows:
    """Errors of every method's boxes, clean, under noise and of the half-trained network; other heads; examples."""
    found = trained(subject, seed)
    chosen_on, test = found.scenes[slice(calibration)], found.scenes[slice(calibration, None)]
    noisy = torch.cat([pgd(found.model, part.images, part.labels, attack) for part in test.batches(250)])
    half_trained = copy.deepcopy(found.model)
    half_trained.load_state_dict(found.half_way)
    layers = subject.layers[-2:]
    for model, conditions in (
        (found.model, {CLEAN: test, NOISE: Scenes(noisy, test.classes, test.masks)}),
        (half_trained, {HALF_TRAINED: test}),
    ):
        chosen = best_thresholds(all_maps(model, chosen_on.images, layers), chosen_on.boxes, thresholds)
        for condition, those in conditions.items():
            rows = errors(model, those, layers, chosen, thresholds if condition == CLEAN else ())
            yield from ({"condition": condition, **row} for row in rows)
    yield from heads(found.model, test.images, layers, derive(seed, "head"))
    for condition, images in ((CLEAN, test.images), (NOISE, noisy)):
        yield from pictures(found.model, images[:examples], test.boxes[:examples], layers[0], condition)


def errors(
    model: nn.Module,
    scenes: Scenes,
    layers: Sequence[str],
    chosen: Mapping[str, Mapping[str, float]],
    thresholds: Sequence[float],
) -> Iterator[dict[str, Any]]:
    """The share of wrong boxes: of all images, of misclassified and of recognised ones; and by threshold."""
    right = answers(model, scenes.images) == scenes.labels
    yield {"measure": "accuracy", "value": right.float().mean(), "mistakes": int((~right).sum())}
    for layer, maps in all_maps(model, scenes.images, layers).items():
        for method, own in maps.items():
            at = {"layer": layer, "method": method}
            wrong = (~localised(own, scenes.boxes, chosen[layer][method])).double()
            after = {"misclassified": wrong[~right].mean(), "recognised": wrong[right].mean()}
            yield {"measure": "error", **at, "value": wrong.mean(), **after, "threshold": chosen[layer][method]}
            for threshold in thresholds:
                error = localisation_error(own, scenes.boxes, threshold)
                yield {"measure": "threshold", **at, "threshold": threshold, "value": error}


def heads(model: nn.Module, images: Images, layers: Sequence[str], seed: int) -> Iterator[dict[str, Any]]:
    """Whether Eigen-CAM's maps are the same, bit by bit, with another head or none."""
    before: Any = eigen_cam(model, images, list(layers))
    for change, other in other_heads(model, seed):
        after: Any = eigen_cam(other, images, list(layers))
        for layer in layers:
            same = torch.equal(before[layer], after[layer])
            yield {"measure": "head", "condition": change, "layer": layer, "value": float(same)}


def pictures(model: nn.Module, images: Images, boxes: Boxes, layer: str, condition: str) -> Iterator[dict[str, Any]]:
    """Images with their maps, small enough to be kept in the table."""
    if not len(images):
        return
    for method, maps in {"image": images.mean(1), **all_maps(model, images, [layer])[layer]}.items():
        for scene, one in enumerate(maps):
            box = " ".join(map(str, boxes[scene].tolist()))
            at = {"condition": condition, "method": method, "scene": scene, "box": box}
            yield {"measure": "example", **at, "picture": to_text(one)}


def cost(sides: tuple[int, ...]) -> Rows:
    """Milliseconds for the maps of 8 images by the images' side."""
    model = small_conv_net(seed=0).eval()

    def ways(side: int) -> dict[str, Any]:
        images = torch.rand(8, 1, side, side, generator=generator(0))
        layer = "features.act3"
        return {
            EIGEN: partial(eigen_cam, model, images, layer),
            GRAD: partial(grad_cam, model, images, 0, layer),
        }

    return growth(ways, sides, name="side")


def cost_by_units(units: tuple[int, ...]) -> Rows:
    """The same by a layer's channels: a network of one convolution, on images of 14 pixels a side."""

    def ways(count: int) -> dict[str, Any]:
        images = torch.rand(8, 1, 14, 14, generator=generator(0))
        with seeded(0):
            parts = (nn.Conv2d(1, count, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
            wide = nn.Sequential(*parts, nn.Linear(count, 10)).eval()
        return {EIGEN: partial(eigen_cam, wide, images, "1"), GRAD: partial(grad_cam, wide, images, 0, "1")}

    return growth(ways, units, name="units")


@torch.no_grad()
def answers(model: nn.Module, images: Images) -> Labels:
    """The predicted classes."""
    return torch.cat([model(some).argmax(1) for some in images.split(250)])


def all_maps(model: nn.Module, images: Images, layers: Sequence[str]) -> LayeredMaps:
    """Layer to method to maps; what needs a class explains the predicted one.

    CAM is for the last layer, behind which there are only the mean over places and a linear layer: gradient times
    activation is then the class's weights times the activations.
    """
    parts = [_some_maps(model, some, list(layers), number) for number, some in enumerate(images.split(250))]
    return {
        layer: {method: torch.cat([part[layer][method] for part in parts]) for method in parts[0][layer]}
        for layer in layers
    }


def _some_maps(model: nn.Module, images: Images, layers: list[str], number: int) -> LayeredMaps:
    target, random = answers(model, images), generator(number)

    def second(values: Activations) -> Maps:
        return eigen_cam_from_activations(values, components=2).projections[:, 1].relu()

    def noise(values: Activations) -> Maps:
        return torch.rand(values[:, 0].shape, generator=random).to(values)

    found: dict[str, Any] = {
        EIGEN: eigen_cam(model, images, layers),
        GRAD: grad_cam(model, images, target, layers),
        PLUS: grad_cam_plus_plus(model, images, target, layers),
        CAM: linear_approx(model, images, target, layers[-1:]),
        ENERGY: energy_map(model, images, layers),
        MEAN: channel_mean_map(model, images, layers),
        RANDOM: activation_maps(model, images, layers, noise),
        CENTRED: eigen_cam(model, images, layers, centre=True),
        SECOND: activation_maps(model, images, layers, second),
    }
    return {layer: {name: maps[layer] for name, maps in found.items() if layer in maps} for layer in layers}


def best_thresholds(maps: LayeredMaps, boxes: Boxes, thresholds: Sequence[float]) -> dict[str, dict[str, float]]:
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
            for value in (head.weight, head.bias):
                fresh = torch.randn(value.shape, generator=random).to(value)
                value.copy_(fresh if change == "randomised" else value[order])
        if change == "deleted":
            other.output = nn.Identity()
        yield change, other


def pgd(model: nn.Module, images: Images, labels: Labels, attack: Attack) -> Tensor:
    """Images within ``attack.radius`` of the given ones, per pixel, that raise the cross-entropy of their labels.

    Each step moves every pixel in the direction of the gradient's sign, then back into the ball and into the range 0
    to 1. It starts at the images themselves.

    Source: Madry et al. 2018, section 2.1.

    >>> images = torch.full((1, 1, 2, 2), 0.5)
    >>> moved = pgd(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), images, torch.tensor([0]), Attack())
    >>> round(float((moved - images).abs().max()), 4)
    0.1
    """
    require(min(attack.radius, attack.step, attack.steps) > 0, f"radius, step and steps must be positive, got {attack}")
    found = images.detach().clone()
    with torch.enable_grad(), evaluating(model), frozen(model):
        for _ in range(attack.steps):
            found.requires_grad_()
            loss = nn.functional.cross_entropy(model(found), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, found)
            found = found.detach() + attack.step * gradient.sign()
            found = torch.minimum(torch.maximum(found, images - attack.radius), images + attack.radius).clamp(0, 1)
    return found.detach()
