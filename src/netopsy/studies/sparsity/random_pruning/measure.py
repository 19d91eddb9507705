"""Networks trained under masks, and what is measured of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.calibration import expected_calibration_error
from netopsy.core.masks import density, prunable_parameters, zero_masked
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, crop_and_flip, digits_split, hub_dataset, index_batches, photograph_patches
from netopsy.lab import Cell, Rows
from netopsy.models import resnet
from netopsy.sparsity.criteria import keep_largest, scores
from netopsy.sparsity.random_pruning import fgsm, ood_auroc, randomly_prune
from netopsy.sparsity.ratios import random_masks
from netopsy.studies.sparsity.random_pruning.plan import (
    ACCURACY,
    ATTACKED,
    AUROC_FOREIGN,
    AUROC_UNSEEN,
    CALIBRATION,
    DENSE,
    ERK,
    FOREIGN,
    LIKELIHOOD,
    RATIOS,
    SHUFFLED,
    SNIP,
    Beyond,
    Config,
    Training,
)
from netopsy.training import evaluate, fit, fit_many

Masks = dict[str, Tensor]


def plan(config: Config) -> Iterable[Cell]:
    """Some seeds of one parent a cell, with all that is trained of it; the widest first."""
    for width in sorted(config.widths, reverse=True):
        rich = width in config.compared
        yield from _cells(config, config.depth, width, config.densities, config.density if rich else None)
    for depth in config.depths:
        yield from _cells(config, depth, config.width_of_depths, config.densities_of_depths, None)
    own = config.beyond
    for width, shares in ((own.width, (1.0, own.density)), (own.matched, (1.0,))):
        for seeds in _chunks(own.seeds, max(1, config.stack // len(shares))):
            at: dict[str, Any] = {"training": config.training, "depth": config.depth, "width": width}
            yield Cell.of(beyond, **at, seeds=seeds, shares=shares, options=own)


def _cells(
    config: Config, depth: int, width: int, densities: tuple[float, ...], compared: float | None
) -> Iterator[Cell]:
    count = len(_conditions(densities, compared))
    for seeds in _chunks(config.seeds, max(1, config.stack // count)):
        at: dict[str, Any] = {"training": config.training, "depth": depth, "width": width}
        yield Cell.of(networks, **at, seeds=seeds, densities=densities, compared=compared)


def _chunks(seeds: int, size: int) -> Iterator[tuple[int, ...]]:
    for first in range(0, seeds, size):
        yield tuple(range(first, min(first + size, seeds)))


def _conditions(densities: Sequence[float], compared: float | None) -> list[tuple[str, float]]:
    """Method and share of weights kept of all networks that one seed trains."""
    found = [(DENSE, 1.0), *((ERK, share) for share in densities)]
    if compared is not None:
        found += [(name, compared) for name in (*RATIOS, SNIP, SHUFFLED) if (name, compared) not in found]
    return found


def networks(
    training: Training,
    depth: int,
    width: int,
    seeds: tuple[int, ...],
    densities: tuple[float, ...],
    compared: float | None,
) -> Rows:
    """Test accuracy of the dense network and of its sparse ones; and, of the first seed, what each layer keeps."""
    train, test = (part.to(best_device()) for part in images_of(training.data))
    build = partial(_network, train, depth, width)
    runs = [(seed, *condition) for seed in seeds for condition in _conditions(densities, compared)]
    models = [build(seed) for seed, _, _ in runs]
    masks = [
        masks_of(model, method, share, train, training.batch_size, seed)
        for model, (seed, method, share) in zip(models, runs, strict=True)
    ]
    norms = [_gradient_norm(*pair, train[: training.batch_size]) for pair in zip(models, masks, strict=True)]
    _fit(models, train, training, [seed for seed, _, _ in runs], masks)
    for (seed, method, share), model, mask, norm in zip(runs, models, masks, norms, strict=True):
        found = {"seed": seed, "method": method, "share": share, "kept": density(mask), "gradient norm": norm}
        yield {**found, "value": 100 * evaluate(model, test).accuracy}
        if compared == share and method in RATIOS and seed == 0:
            for place, (name, own) in enumerate(mask.items()):
                layer = {"layer": name.removesuffix(".weight"), "place": place, "weights": own.numel()}
                yield {"measure": "shares", "method": method, "share": share, **layer, "value": density({name: own})}


def masks_of(model: nn.Module, method: str, share: float, train: Dataset, batch_size: int, seed: int) -> Masks:
    """The masks of one condition; SNIP scores the first batch that is trained on."""
    first = train[next(index_batches(len(train), batch_size, derive(seed, "order")))]
    drawn = derive(seed, "masks", method)
    if method == DENSE:
        return {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in prunable_parameters(model).items()}
    if method in (SNIP, SHUFFLED):
        masks = keep_largest(scores(model, "snip", first.inputs, first.targets), share)
        if method == SNIP:
            return masks
        shares = {name: density({name: mask}) for name, mask in masks.items()}
        shapes = {name: tuple(mask.shape) for name, mask in masks.items()}
        # No layer gets a weight that the SNIP mask has not: the two have equal numbers in every layer.
        shuffled = random_masks(shapes, shares, seed=drawn, min_per_layer=0)
        return {name: mask.to(masks[name].device) for name, mask in shuffled.items()}
    seen = train if RATIOS[method] == "grasp" else first
    found = randomly_prune(model, share, RATIOS[method], inputs=seen.inputs, targets=seen.targets, seed=drawn)
    return dict(found.masks)


def beyond(
    training: Training, depth: int, width: int, seeds: tuple[int, ...], shares: tuple[float, ...], options: Beyond
) -> Rows:
    """How networks that know some of the classes do on the others, on foreign images, and under attack."""
    train, test = (part.to(best_device()) for part in images_of(training.data))
    known, inside, unseen = (
        part[chosen]
        for part, chosen in (
            (train, train.targets < options.known),
            (test, test.targets < options.known),
            (test, test.targets >= options.known),
        )
    )
    known = replace(known, classes=known.classes[: options.known])
    runs = [(seed, share) for seed in seeds for share in shares]
    models = [_network(known, depth, width, seed) for seed, _ in runs]
    masks = [
        masks_of(model, DENSE if share == 1 else ERK, share, known, training.batch_size, seed)
        for model, (seed, share) in zip(models, runs, strict=True)
    ]
    _fit(models, known, training, [seed for seed, _ in runs], masks)
    for (seed, share), model in zip(runs, models, strict=True):
        foreign = _foreign(options.foreign, inside, seed)
        for metric, value in _measured(model, inside, unseen.inputs, foreign, options.radius).items():
            yield {"seed": seed, "share": share, "metric": metric, "value": value}


def _measured(model: nn.Module, inside: Dataset, unseen: Tensor, foreign: Tensor, radius: float) -> dict[str, float]:
    found = evaluate(model, inside)

    def confidence(inputs: Tensor) -> Tensor:
        blank = Dataset(inputs, torch.zeros(len(inputs), dtype=torch.int64, device=inputs.device))
        return evaluate(model, blank).outputs.softmax(1).amax(1)

    own = confidence(inside.inputs)
    moved = fgsm(model, inside.inputs, inside.targets, radius)
    return {
        ACCURACY: 100 * found.accuracy,
        LIKELIHOOD: found.loss,
        AUROC_FOREIGN: ood_auroc(own, confidence(foreign)),
        AUROC_UNSEEN: ood_auroc(own, confidence(unseen)),
        CALIBRATION: expected_calibration_error(found.outputs.softmax(1), inside.targets.cpu()),
        ATTACKED: 100 * evaluate(model, replace(inside, inputs=moved)).accuracy,
    }


def images_of(data: str) -> tuple[Dataset, Dataset]:
    """Images from 0 to 1 to train on, and to test on."""
    if data == "digits":
        return digits_split(sizes=(1000, 797))  # type: ignore[return-value]
    return hub_dataset(data, "train"), hub_dataset(data, "test")


def _foreign(name: str, like: Dataset, seed: int) -> Tensor:
    if name == FOREIGN:
        found = photograph_patches(1, len(like), size=like.inputs.shape[-1], seed=derive(seed, "patches"))[1].inputs
        return found.expand(-1, like.inputs.shape[1], -1, -1).to(like.device)
    return hub_dataset(name, "test", limit=len(like), seed=seed).inputs.to(like.device)


def _network(train: Dataset, depth: int, width: int, seed: int) -> nn.Module:
    channels, classes = train.inputs.shape[1], train.class_count
    model = resnet(depth, channels=channels, classes=classes, width=width, shortcut="conv", seed=derive(seed, "init"))
    return model.to(train.device)


def _fit(models: list[nn.Module], train: Dataset, training: Training, seeds: Sequence[int], masks: list[Masks]) -> None:
    recipe, orders = training.recipe(len(train)), [derive(seed, "order") for seed in seeds]
    if training.stacked:
        fit_many(models, train, recipe, seeds=orders, masks=masks)
        return
    augment = None if training.data == "digits" else crop_and_flip
    for model, order, mask in zip(models, orders, masks, strict=True):
        fit(model, train, recipe, seed=order, masks=mask, augment=augment)


def _gradient_norm(model: nn.Module, masks: Masks, batch: Dataset) -> float:
    """Of the weights that are kept, at the start."""
    sparse = zero_masked(model, masks)
    squares = scores(sparse, _squared, batch.inputs, batch.targets)
    return math.sqrt(sum(float(values[masks[name]].sum()) for name, values in squares.items()))


def _squared(weight: Tensor, gradient: Tensor | None) -> Tensor:
    return torch.zeros_like(weight) if gradient is None else gradient.square()
