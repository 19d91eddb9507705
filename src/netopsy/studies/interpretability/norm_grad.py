"""Do gradient-based maps point at what they explain? Rebuffi et al. 2020 re-tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from netopsy.core.shapes import Images
from netopsy.core.targets import Target
from netopsy.interpretability.maps import rescaled
from netopsy.interpretability.norm_grad import (
    backprop_saliency,
    class_sensitivity,
    combine_layers,
    grad_cam,
    gradient_saliency,
    linear_approx,
    meta_saliency,
    norm_grad,
    pointing_game,
    rank_correlation,
    selective_norm_grad,
)
from netopsy.lab import Cell, Rows, Study
from netopsy.studies.interpretability._norm_grad_figures import draw
from netopsy.studies.interpretability._norm_grad_verdicts import judge
from netopsy.studies.interpretability._pictures import as_text
from netopsy.studies.interpretability._scenes import CONVOLUTIONS, LAYERS, Scenes, Setting, trained

METHODS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "NormGrad": norm_grad,
        "selective NormGrad": selective_norm_grad,
        "linear approximation": linear_approx,
        "Grad-CAM": grad_cam,
        "gradient": gradient_saliency,
    }
)
PRODUCT = "product"
"""Stands among the layers for the product of their maps."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    settings: tuple[Setting, ...] = (Setting(),)
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    """Step sizes of meta-saliency to choose from."""


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell: train it, then measure everything on it."""
    for setting in config.settings:
        for seed in range(config.seeds):
            yield Cell(
                f"{setting.data}, run {seed}",
                {"setting": dataclasses.asdict(setting), "seed": seed, "rates": config.rates},
            )


def measure(cell: Cell) -> Rows:
    """One row a number: what was measured, with which method, at which layer, after which step, on which scene."""
    setting, seed = Setting.of(cell.parameters["setting"]), cell.parameters["seed"]
    layers, convolutions = LAYERS[setting.network], CONVOLUTIONS[setting.network]
    model, scenes, recognised = trained(setting, seed)
    rows: Rows = [{"measure": "recognised", "value": recognised}]
    for numbers, part in scenes.batches():
        found = {
            "pointing": {0.0: pointing(model, part, layers)},
            "sensitivity": {rate: sensitivity(model, part, layers, rate) for rate in (0.0, *cell.parameters["rates"])},
            "agreement": {0.0: agreement(model, part, convolutions)},
        }
        for name, by_rate in found.items():
            for rate, values in by_rate.items():
                for key, value in values.items():
                    where = dict(zip(("method", "layer"), key.split(_AT), strict=True))
                    common = {"measure": name, "rate": rate, **where}
                    rows += [
                        {**common, "scene": scene, "value": one}
                        for scene, one in zip(numbers, value.tolist(), strict=True)
                    ]
    if seed == 0:
        rows += examples(model, scenes, layers)
    return [{"data": setting.data, "seed": seed, **row} for row in rows]


_AT = " at "


def all_maps(model: nn.Module, images: Images, target: Target, *, layers: Iterable[str]) -> dict[str, Tensor]:
    """The maps of every method at every layer, by "method at layer"."""
    return {
        f"{name}{_AT}{layer}": maps
        for name, method in METHODS.items()
        for layer, maps in method(model, images, target, list(layers)).items()
    }


def pointing(model: nn.Module, scenes: Scenes, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """For every scene, the share of its objects that the maps for their class point at; also the layers' product."""
    count = scenes.classes.shape[1]
    images, masks = scenes.images.repeat_interleave(count, 0), scenes.masks.flatten(0, 1)
    maps = all_maps(model, images, scenes.classes.flatten(), layers=layers)
    for name in METHODS:
        maps[f"{name}{_AT}{PRODUCT}"] = combine_layers({layer: maps[f"{name}{_AT}{layer}"] for layer in layers})
    return {key: pointing_game(one, masks).float().reshape(-1, count).mean(1) for key, one in maps.items()}


def sensitivity(model: nn.Module, scenes: Scenes, layers: tuple[str, ...], rate: float) -> dict[str, Tensor]:
    """The correlation of the maps for the most and the least likely class, after a step of size ``rate`` for each."""
    stepped = partial(meta_saliency, all_maps, lr=rate, layers=layers)
    return dict(class_sensitivity(stepped, model, scenes.images))


def agreement(model: nn.Module, scenes: Scenes, convolutions: tuple[str, ...]) -> dict[str, Tensor]:
    """The correlation of a virtual convolution's map with the real one's, of the same scene and of another."""
    options: dict[str, Any] = {"layer": list(convolutions), "resize": False}
    target = scenes.classes[:, 0]
    real: Any = backprop_saliency(model, scenes.images, target, extract="real", **options)
    virtual: Any = norm_grad(model, scenes.images, target, kernel_size=3, **options)
    pairs = {"same scene": real, "another scene": {layer: maps.roll(1, 0) for layer, maps in real.items()}}
    return {
        f"{name}{_AT}{layer}": rank_correlation(virtual[layer].flatten(1), maps[layer].flatten(1))
        for name, maps in pairs.items()
        for layer in convolutions
    }


def examples(model: nn.Module, scenes: Scenes, layers: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The first scene and its maps for its first object, small enough to be kept in the table."""
    one = scenes.images[:1]
    explained = int(scenes.classes[0, 0])
    yield {"measure": "example", "method": "image", "value": explained, "picture": as_text(rescaled(one.mean(1))[0])}
    for key, maps in all_maps(model, one, explained, layers=layers).items():
        method, layer = key.split(_AT)
        yield {"measure": "example", "method": method, "layer": layer, "picture": as_text(maps[0])}


_MOSAICS = Setting(
    network="resnet18",
    train_images=None,
    test_images=1000,
    epochs=30,
    batch_size=128,
    lr=1e-3,
    widths=(64, 128, 256, 512),
)

STUDY = Study(
    paper="norm-grad",
    presets={
        "smoke": Config(seeds=1, settings=(Setting(train_images=200, test_images=20, epochs=1),), rates=(1e-2,)),
        "laptop": Config(),
        "paper": Config(
            settings=tuple(
                dataclasses.replace(_MOSAICS, data=name)
                for name in ("uoft-cs/cifar10", "zalando-datasets/fashion_mnist")
            )
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce norm-grad``."""
