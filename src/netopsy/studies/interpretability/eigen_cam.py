"""Does a map without class or gradient find the object, under noise and above a mistaken head? Muhammad and Yeasin 2020
re-tested."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from netopsy.core.seeds import derive, seeded
from netopsy.interpretability.eigen_cam import eigen_cam
from netopsy.interpretability.localisation import localisation_error, localised
from netopsy.interpretability.norm_grad import grad_cam
from netopsy.lab import Cell, Rows, Study
from netopsy.lab.costs import milliseconds
from netopsy.models import small_conv_net
from netopsy.studies.interpretability._eigen_cam_figures import draw
from netopsy.studies.interpretability._eigen_cam_maps import (
    EIGEN,
    GRAD,
    all_maps,
    answers,
    best_thresholds,
    other_heads,
)
from netopsy.studies.interpretability._eigen_cam_verdicts import judge
from netopsy.studies.interpretability._pgd import pgd
from netopsy.studies.interpretability._pictures import as_text
from netopsy.studies.interpretability._single_objects import LAYERS, PASTED, Objects, Setting, parameters_of, trained


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    setting: Setting = Setting()  # noqa: RUF009 - frozen
    calibration: int = 300
    """The first so many test images choose the thresholds, the others measure the errors."""
    thresholds: tuple[float, ...] = (0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
    examples: int = 3
    """Images of the first run whose maps are shown."""
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose maps are timed, pixels a side."""
    units: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the layers whose maps are timed."""


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell: train it, then measure everything on it. And one cell for what the maps cost."""
    for seed in range(config.seeds):
        yield Cell(
            f"{config.setting.data}, run {seed}",
            {
                "setting": parameters_of(config.setting),
                "seed": seed,
                "calibration": config.calibration,
                "thresholds": config.thresholds,
                "examples": config.examples,
            },
        )
    yield Cell("cost", {"sides": config.sides, "units": config.units})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds wrong (an image each), threshold, accuracy, head and example; or of the two kinds of cost."""
    if "sides" in cell.parameters:
        return list(cost(cell.parameters["sides"], cell.parameters["units"]))
    seed, count = cell.parameters["seed"], cell.parameters["calibration"]
    setting, thresholds = Setting.of(cell.parameters["setting"]), cell.parameters["thresholds"]
    model, early, objects = trained(setting, seed)
    calibration, test = _split(objects, count)
    attack = partial(pgd, radius=setting.radius, step=setting.step, steps=setting.attack_steps)
    noisy = torch.cat(
        [attack(model, *pair) for pair in zip(test.images.split(250), test.labels.split(250), strict=True)]
    )
    half_trained = copy.deepcopy(model)
    half_trained.load_state_dict(early)
    layers = LAYERS[setting.network]
    rows: Rows = []
    for one, conditions in (
        (model, {"clean": test, "noise": dataclasses.replace(test, images=noisy)}),
        (half_trained, {"half trained": test}),
    ):
        maps = all_maps(one, calibration.images, layers)
        chosen = best_thresholds(maps, calibration.boxes, thresholds)
        for condition, those in conditions.items():
            rows += errors(one, those, layers, chosen, thresholds if condition == "clean" else (), condition)
    rows += heads(model, test, layers, seed)
    if seed == 0:
        first = slice(cell.parameters["examples"])
        rows += examples(model, _part(test, first), noisy[first], layers[0])
    return [{"seed": seed, **row} for row in rows]


def errors(
    model: nn.Module,
    objects: Objects,
    layers: Sequence[str],
    chosen: dict[str, dict[str, float]],
    thresholds: Sequence[float],
    condition: str,
) -> Iterator[dict[str, Any]]:
    """For every image and layer, by method, whether the box is wrong; and the share of wrong ones by threshold."""
    recognised = answers(model, objects.images) == objects.labels
    common = {"condition": condition}
    yield {"measure": "accuracy", **common, "value": float(recognised.float().mean())}
    for layer, maps in all_maps(model, objects.images, layers).items():
        wrong = {name: (~localised(own, objects.boxes, chosen[layer][name])).tolist() for name, own in maps.items()}
        for scene, right in enumerate(recognised.tolist()):
            by_method = {name: int(values[scene]) for name, values in wrong.items()}
            yield {"measure": "wrong", **common, "layer": layer, "scene": scene, "recognised": right, **by_method}
        for name, own in maps.items():
            yield {"measure": "chosen", **common, "layer": layer, "method": name, "threshold": chosen[layer][name]}
            for threshold in thresholds:
                error = localisation_error(own, objects.boxes, threshold)
                at = {"layer": layer, "method": name, "threshold": threshold}
                yield {"measure": "threshold", **common, **at, "value": error}


def heads(model: nn.Module, objects: Objects, layers: Sequence[str], seed: int) -> Iterator[dict[str, Any]]:
    """Whether Eigen-CAM's maps are the same, bit by bit, with another head or none."""
    before: Any = eigen_cam(model, objects.images, list(layers))
    for change, other in other_heads(model, derive(seed, "head")):
        after: Any = eigen_cam(other, objects.images, list(layers))
        for layer in layers:
            same = torch.equal(before[layer], after[layer])
            yield {"measure": "head", "condition": change, "layer": layer, "value": float(same)}


def examples(model: nn.Module, objects: Objects, noisy: torch.Tensor, layer: str) -> Iterator[dict[str, Any]]:
    """Images, as they are and with noise, with their maps, small enough to be kept in the table."""
    for condition, images in (("clean", objects.images), ("noise", noisy)):
        drawn = {"image": images.mean(1), **all_maps(model, images, [layer])[layer]}
        for method, maps in drawn.items():
            for scene, one in enumerate(maps):
                box = " ".join(map(str, objects.boxes[scene].tolist()))
                at = {"condition": condition, "layer": layer, "method": method, "scene": scene, "box": box}
                yield {"measure": "example", **at, "picture": as_text(one)}


def cost(sides: Sequence[int], units: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Milliseconds for the maps of 8 images, the fastest of five, by the images' side; then by the layer's channels.

    The channels are those of a network of one convolution, on images of 14 pixels a side.
    """
    model = small_conv_net(seed=0).eval()
    for side in sides:
        images = torch.rand(8, 1, side, side, generator=torch.Generator().manual_seed(0))
        ways = {EIGEN: partial(eigen_cam, model, images, "features.act3")}
        ways[GRAD] = partial(grad_cam, model, images, 0, "features.act3")
        for method, way in ways.items():
            yield {"measure": "cost", "method": method, "side": side, "value": milliseconds(way)}
    images = torch.rand(8, 3, 14, 14, generator=torch.Generator().manual_seed(0))
    for count in units:
        with seeded(0):
            first, last = nn.Conv2d(3, count, 3, padding=1), nn.Linear(count, 10)
        wide = nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last).eval()
        ways = {EIGEN: partial(eigen_cam, wide, images, "1"), GRAD: partial(grad_cam, wide, images, 0, "1")}
        for method, way in ways.items():
            yield {"measure": "cost by units", "method": method, "units": count, "value": milliseconds(way)}


def _split(objects: Objects, count: int) -> tuple[Objects, Objects]:
    return _part(objects, slice(count)), _part(objects, slice(count, None))


def _part(objects: Objects, which: slice) -> Objects:
    return Objects(objects.images[which], objects.labels[which], objects.boxes[which])


STUDY = Study(
    paper="eigen-cam",
    presets={
        "smoke": Config(
            seeds=1,
            setting=Setting(train_images=200, test_images=60, epochs=1, attack_steps=2),
            calibration=20,
            examples=1,
            sides=(32, 64),
            units=(16, 32),
        ),
        "laptop": Config(),
        "paper": Config(seeds=5, setting=PASTED),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce eigen-cam``."""
