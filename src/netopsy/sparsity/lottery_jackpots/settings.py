"""The numbers of a search, and what is asked of a network and its data before one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.modes import device_of, evaluating, running_on
from netopsy.data import Dataset
from netopsy.sparsity.lottery_jackpots.rates import LayerRates, Start, checked_start, start_masks
from netopsy.sparsity.lottery_ticket.output_layer import OutputLayer
from netopsy.training import Recipe
from netopsy.training.checks import check_fit
from netopsy.training.plan import EvaluationSets, evaluation_sets, evaluation_steps

Power: TypeAlias = float | int | None
"""Of the restriction; ``None`` for a search without."""


@dataclass(frozen=True)
class Settings:
    """What `find_jackpot` and `find_jackpots` are given, checked."""

    sparsity: float | int
    epochs: int
    batch_size: int
    layer_rates: LayerRates
    exclude: Sequence[str] | None
    allow_empty: bool
    lr: float | int
    momentum: float | int
    weight_decay: float | int
    gap: float | int
    loss: str

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            require(whole, f"{name} must be an int of at least 1, got {value!r}")
        require(isinstance(self.allow_empty, bool), f"allow_empty must be True or False, got {self.allow_empty!r}")
        check_gap(self.gap)

    def recipe(self, steps: int) -> Recipe:
        """How the scores descend, with so many steps an epoch."""
        return Recipe(
            steps=self.epochs * steps,
            batch_size=self.batch_size,
            optimizer="sgd",
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            schedule="cosine",
            loss=self.loss,
        )

    def start(self, model: nn.Module, init: Start, first: Tensor, seed: int) -> dict[str, Tensor]:
        """The masks to start from; ``first`` are inputs to see by which layer runs last."""
        if isinstance(init, Mapping):
            masks = checked_start(model, init)
            for name, mask in masks.items():
                require(self.allow_empty or mask.any(), f"init[{name!r}] keeps no weight: allow_empty=True allows it")
            return masks
        return start_masks(
            model,
            self.sparsity,
            init=init,
            layer_rates=self.layer_rates,
            exclude=[output_layer(model, first)] if self.exclude is None else self.exclude,
            allow_empty=self.allow_empty,
            seed=seed,
        )


def check_gap(gap: object) -> None:
    """Raise `InputError` unless ``gap`` lies strictly between 0 and 1."""
    number = isinstance(gap, int | float) and 0 < gap < 1
    require(number, f"gap must be a number above 0 and below 1, got {gap!r}")


def check_power(power: object) -> None:
    """Raise `InputError` unless ``power`` is none, or a number that is not negative."""
    known = isinstance(power, int | float) and not isinstance(power, bool) and 0 <= power < float("inf")
    require(power is None or known, f"restriction must be a number of at least 0, or None, got {power!r}")


def evaluations(
    recipe: Recipe, evaluation: EvaluationSets, every: int | None
) -> tuple[dict[str, Dataset], frozenset[int]]:
    """The sets and the numbers of done steps to evaluate at, the start among them where it is every so many steps."""
    sets = evaluation_sets(evaluation)
    at = evaluation_steps(recipe, sets, every, 0)
    return sets, at | {0} if every is not None else at


def check_runs(model: nn.Module, data: object, first: Tensor, sets: Mapping[str, Dataset], loss: str) -> None:
    """Raise `InputError` unless the network runs on the data and the loss can compare the two."""
    for part in (data, *sets.values()):
        if isinstance(part, Dataset):
            check_fit(model, part, loss)
    with torch.no_grad(), evaluating(model), running_on(first):
        model(first.to(device_of(model)))


def output_layer(model: nn.Module, first: Tensor) -> str:
    """The name of the linear layer that runs last, the classifier.

    Raises:
        InputError: there is none.
    """
    with torch.no_grad(), evaluating(model), OutputLayer(model) as watched:
        model(first.to(device_of(model)))
    require(
        watched.weight is not None,
        "model runs no linear layer that could be the classifier: name the layers that stay whole in exclude, "
        "or give exclude=[]",
    )
    return str(watched.weight).rpartition(".")[0]
