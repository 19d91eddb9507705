"""Eight replicas as one stack against eight runs, and a masked training step against a dense one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from benchmarks.timing import Comparison
from netopsy.core.masks import prunable_parameters
from netopsy.data import digits
from netopsy.models import lenet_300_100, mlp
from netopsy.training import Recipe, fit, fit_many

THREADS = 2
"""For both sides, as torch would choose on two cores by itself."""

SIZES = [64, 300, 100, 10]
SEEDS = range(8)


def benchmarks() -> Iterator[Comparison]:
    """Both sides train on the digits with the same recipe; building the networks counts on both sides."""
    data, recipe = digits(), Recipe(steps=1000)
    yield Comparison(
        "fit_many_vs_fit",
        lambda: fit_many([mlp(SIZES, seed=seed) for seed in SEEDS], data, recipe, seeds=SEEDS),
        lambda: [fit(mlp(SIZES, seed=seed), data, recipe, seed=seed) for seed in SEEDS],
        target=1 / 3,
        peer_name="8 runs of fit",
        rounds=3,
    )
    model = lenet_300_100()
    images = torch.rand(2000, 784, generator=torch.Generator().manual_seed(0))
    large = type(data)(images, torch.arange(2000) % 10)
    masks = {name: torch.rand(weight.shape) < 0.2 for name, weight in prunable_parameters(model).items()}
    step = partial(_train, model, large, Recipe(steps=200))
    yield Comparison(
        "masked_step_vs_dense",
        partial(step, masks),
        partial(step, None),
        target=1.15,
        peer_name="dense",
        rounds=9,
    )
    yield Comparison(
        "masked_step_vs_torch_prune",
        partial(step, masks),
        partial(_train_pruned, masks, large, Recipe(steps=200)),
        target=1.0,
        peer_name="torch.nn.utils.prune",
        rounds=9,
    )


def _train(model: nn.Module, data: object, recipe: Recipe, masks: dict[str, torch.Tensor] | None) -> None:
    fit(model, data, recipe, masks=masks)


def _train_pruned(masks: dict[str, torch.Tensor], data: object, recipe: Recipe) -> None:
    """The same steps with torch's own pruning, which computes weight times mask in every forward pass."""
    from torch.nn.utils import prune

    model = lenet_300_100()
    for name, mask in masks.items():
        prune.custom_from_mask(model.get_submodule(name.removesuffix(".weight")), "weight", mask)
    fit(model, data, recipe)
