"""Rewinding against a loop around torch.nn.utils.prune, and a stack of seeds against one after the other."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from benchmarks.timing import Comparison
from netopsy.core.masks import prunable_parameters
from netopsy.data import Dataset, digits, index_batches
from netopsy.models import mlp
from netopsy.sparsity.late_rewinding import rewind_sweep, rewind_sweep_many
from netopsy.sparsity.lottery_ticket import IMPResult, iterative_magnitude_pruning
from netopsy.training import Recipe, trainer

SGD = {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-4}
RECIPE = Recipe(100, 60, optimizer="sgd", schedule="step", milestones=(50,), **SGD)  # type: ignore[arg-type]
STEP, ROUNDS, RATE = 10, 3, 0.5
SMALL, WIDE, SEEDS = (64, 300, 100, 10), (64, 1000, 500, 10), range(8)


def benchmarks() -> Iterator[Comparison]:
    """Both sides train as often and as long on the same batches, and end with the same weights."""
    data = digits()
    check(data)
    for name, sizes, target in (("small", SMALL, 1.0), ("wide", WIDE, 1.0)):
        yield Comparison(
            f"late_rewinding_{name}_vs_torch_prune",
            partial(ours, data, sizes),
            partial(around_torch_prune, data, sizes),
            target=target,
            peer_name="torch.nn.utils.prune",
            rounds=5,
        )
    pairs = [(2 * seed, 2 * seed + 1) for seed in SEEDS]
    options: Any = {"rate": RATE, "compared": (ROUNDS,)}
    yield Comparison(
        "late_rewinding_stacked_seeds",
        lambda: rewind_sweep_many(networks(), data, RECIPE, (STEP,), ROUNDS, seeds=pairs, **options),
        lambda: [
            rewind_sweep(network, trainer(data, RECIPE), (STEP,), ROUNDS, seeds=pair, **options)
            for network, pair in zip(networks(), pairs, strict=True)
        ],
        target=0.5,
        peer_name="one after the other",
        rounds=3,
    )


def networks() -> list[nn.Sequential]:
    """One a seed."""
    return [mlp(SMALL, seed=seed) for seed in SEEDS]


def ours(data: Dataset, sizes: Sequence[int]) -> IMPResult:
    """Train, prune, rewind, and again."""
    model, fit = mlp(sizes, seed=0).to(data.inputs.dtype), trainer(data, RECIPE)
    return iterative_magnitude_pruning(model, fit, ROUNDS, rate=RATE, scope="global", rewind_step=STEP)


def around_torch_prune(data: Dataset, sizes: Sequence[int]) -> tuple[nn.Module, dict[str, Tensor]]:
    """As people write it: torch's masks multiply the weights in each forward pass, its optimisers train what is below.

    Returns the network of the last round with its masks made permanent, and the masks.
    """
    model, kept = mlp(sizes, seed=0).to(data.inputs.dtype), {}
    layers = [model.get_submodule(name.removesuffix(".weight")) for name in prunable_parameters(model)]
    train(model, data, 0, kept)
    for _ in range(ROUNDS):
        model(data.inputs[:1])  # the products with the masks are those of the last forward pass, before its step
        prune.global_unstructured(
            [(layer, "weight") for layer in layers], pruning_method=prune.L1Unstructured, amount=RATE
        )
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(kept[name.removesuffix("_orig")])
        train(model, data, STEP, {})
    masks = {name: model.get_submodule(name.removesuffix(".weight")).weight_mask for name in kept if "weight" in name}
    for layer in layers:
        prune.remove(layer, "weight")
    return model, masks


def train(model: nn.Module, data: Dataset, start: int, kept: dict[str, Tensor]) -> None:
    """Gradient descent from a step on; the parameters at the step to rewind to are put into ``kept``."""
    optimizer = torch.optim.SGD(model.parameters(), **SGD)
    batches = index_batches(len(data), RECIPE.batch_size, 0, start)
    model.train()
    for step in range(start, RECIPE.steps):
        if step == STEP:
            kept.update({name: copy.deepcopy(value.detach()) for name, value in model.named_parameters()})
        for group in optimizer.param_groups:
            group["lr"] = RECIPE.lr_at(step)
        chosen = next(batches)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data.inputs[chosen]), data.targets[chosen]).backward()
        optimizer.step()


def check(data: Dataset) -> None:
    """The two sides keep the same weights and train them to the same values, in double precision up to rounding."""
    wide = dataclasses.replace(data, inputs=data.inputs.double())
    found, (model, masks) = ours(wide, SMALL), around_torch_prune(wide, SMALL)
    for name, mask in found.masks[-1].items():
        assert torch.equal(mask, masks[name].bool()), f"the masks of {name} differ"
        error = (found.final[-1][name] - model.get_parameter(name)).abs().max()
        assert error < 1e-9, f"the weights of {name} differ by {error:.1e}"
