"""Training several networks from a step on, each with masks and an order of the data: one by one, or as one stack."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import nn

from netopsy.core.errors import require
from netopsy.core.masks import Masks, apply_masks, revived
from netopsy.core.modes import device_of, evaluating
from netopsy.core.seeds import check_seed
from netopsy.data import Dataset, batches_per_epoch
from netopsy.sparsity.lottery_ticket.imp import TrainingLoop
from netopsy.sparsity.lottery_ticket.result import State
from netopsy.training import Recipe, fit_many
from netopsy.training.trainer import Trainer

SeededLoop: TypeAlias = Trainer | Callable[[int], TrainingLoop]
"""A training loop whose order of the data can be chosen: one of `netopsy.training.trainer`, whose own seed is then
replaced, or a function from a seed to a training loop."""

Trained: TypeAlias = tuple[list[Any], list[dict[int, State]]]
"""What the training loop gave for each network, and each network's state at the steps asked for."""


@runtime_checkable
class Run(Protocol):
    """Trains ``models`` in place from step ``start`` on, the batches of each in the order of its own seed."""

    def __call__(
        self,
        models: Sequence[nn.Module],
        seeds: Sequence[int],
        *,
        masks: Sequence[Masks] | None = None,
        start: int = 0,
        keep: Collection[int] = (),
    ) -> Trained: ...


@dataclass(frozen=True)
class OneByOne:
    """With the caller's own training loop."""

    fit: SeededLoop

    def __call__(
        self,
        models: Sequence[nn.Module],
        seeds: Sequence[int],
        *,
        masks: Sequence[Masks] | None = None,
        start: int = 0,
        keep: Collection[int] = (),
    ) -> Trained:
        own: Sequence[Masks | None] = masks or [None] * len(models)
        runs = [self._one(*each, start, keep) for each in zip(models, seeds, own, strict=True)]
        return [fit for fit, _ in runs], [states for _, states in runs]

    def _one(
        self, model: nn.Module, seed: int, masks: Masks | None, start: int, keep: Collection[int]
    ) -> tuple[Any, dict[int, State]]:
        states = {start: copied_state(model)} if start in keep else {}
        last = start

        def look(done: int, trained: nn.Module) -> None:
            nonlocal last
            if masks is not None and applied is not None:
                require(done == last + 1 or not revived(model, masks), _BACK.format(f" between {last} and {done}"))
                applied.enforce()
            last = done
            if done in keep and done not in states:
                states[done] = copied_state(trained)

        with nullcontext() if masks is None else apply_masks(model, masks) as applied:
            found = loop_of(self.fit, seed)(model, start_step=start, on_step=look)
        require(masks is None or not revived(model, masks), _BACK.format(""))
        missed = sorted(set(keep) - set(states))
        require(
            not missed,
            f"steps must not lie behind the end of training, and the training loop never reported step {missed[:1]} to "
            "on_step",
        )
        return found, states


@dataclass(frozen=True)
class Stacked:
    """As one stack of `netopsy.training.fit_many`."""

    data: Dataset
    recipe: Recipe

    def __call__(
        self,
        models: Sequence[nn.Module],
        seeds: Sequence[int],
        *,
        masks: Sequence[Masks] | None = None,
        start: int = 0,
        keep: Collection[int] = (),
    ) -> Trained:
        with torch.no_grad(), evaluating(models[0]):
            models[0](self.data.inputs[:2].to(device_of(models[0])))  # a stack calls no hooks, and this does
        fits = fit_many(
            models, self.data, self.recipe, seeds=seeds, masks=masks, start_step=start, keep_states=sorted(keep)
        )
        return list(fits), [dict(fit.states) for fit in fits]


def loop_of(fit: SeededLoop, seed: int) -> TrainingLoop:
    """The training loop with the order of the data that ``seed`` stands for.

    Raises:
        InputError: what should give a training loop gives something else.
    """
    check_seed(seed)
    if isinstance(fit, Trainer):
        return dataclasses.replace(fit, options={**fit.options, "seed": seed})
    require(
        callable(fit),
        f"fit must be a trainer, or a function from a seed to a training loop, got {type(fit).__name__}",
    )
    loop = fit(seed)
    require(callable(loop), f"fit must return a training loop for a seed, got {type(loop).__name__} for {seed}")
    return loop


def steps_per_epoch_of(fit: object) -> int | None:
    """How many steps an epoch has, where that is known."""
    return batches_per_epoch(len(fit.data), fit.recipe.batch_size) if isinstance(fit, Trainer) else None


def copied_state(model: nn.Module) -> State:
    """A copy of all that a network holds, batch norm statistics included."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


_BACK = (
    "fit brought masked weights back{}: it must train the network's own parameters with a torch.optim optimizer, or "
    "call on_step after each step, where they are set to 0 again"
)
