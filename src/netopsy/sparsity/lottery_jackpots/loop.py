"""The search itself, for one network or for a stack of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.progress import Task
from netopsy.core.seeds import derive, reseed, seeded
from netopsy.data import Dataset
from netopsy.training import History, Recipe
from netopsy.training.recorder import Recorder

Batch = tuple[Tensor, Tensor]


@runtime_checkable
class Searching(Protocol):
    """R masks that are being learnt."""

    def descend(self, inputs: Tensor, targets: Tensor, lr: float) -> Tensor:
        """A step of the scores; the losses before it, ``[networks]``."""

    def swap(self, share: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange entries; pairs asked for and exchanged, ``[networks]``."""

    def finite(self) -> bool:
        """Whether every score is still a number."""

    def evaluate(self, data: Dataset) -> tuple[Tensor, Tensor]:
        """Loss and accuracy, ``[networks]`` each."""


@dataclass(frozen=True)
class Found:
    """What happened along the search of each network."""

    histories: Sequence[History]
    asked: Tensor
    """Pairs that the scores asked to exchange, ``[steps, networks]``."""
    done: Tensor
    """Pairs that were exchanged, ``[steps, networks]``."""


def restriction_at(epoch: int, epochs: int, power: float | int | None) -> float:
    """The share of the swaps asked for that one epoch allows, ``(1 - epoch/epochs)**power``; 1 without a power.

    >>> [round(restriction_at(epoch, 4, 4.0), 2) for epoch in range(4)]
    [1.0, 0.32, 0.06, 0.0]
    """
    return 1.0 if power is None else (1 - epoch / epochs) ** power


def run(
    search: Searching,
    epochs: Iterable[Iterable[Batch]],
    recipe: Recipe,
    *,
    count: int,
    powers: Sequence[float | int | None],
    seeds: Sequence[int],
    device: torch.device,
    sets: Mapping[str, Dataset],
    at: frozenset[int],
) -> Found:
    """Search over ``count`` epochs of batches; a power of restriction a network."""
    recorder = Recorder(replicas=len(powers), sets=sets)
    asked, done, step = [], [], 0

    def look() -> None:
        if step in at:
            recorder.evaluated(step, {name: search.evaluate(part) for name, part in sets.items()})

    with seeded(seeds[0]), Task("searching a mask", recipe.steps) as task:
        look()
        for epoch, batches in enumerate(epochs):
            share = torch.tensor([restriction_at(epoch, count, power) for power in powers], dtype=torch.float64)
            losses = None
            for inputs, targets in batches:
                reseed(derive(seeds[0], "forward", *seeds[1:], step), device)
                losses = search.descend(inputs.to(device), targets.to(device), recipe.lr_at(min(step, recipe.steps)))
                pairs = search.swap(share.to(device))
                recorder.stepped(losses)
                asked.append(pairs[0])
                done.append(pairs[1])
                step += 1
                look()
                task.advance()
            require(
                losses is not None,
                f"data gave no batch in epoch {epoch + 1}: it must be there to be gone through again",
            )
            sound = losses is not None and bool(losses.isfinite().all()) and search.finite()
            require(sound, f"the search has run away in epoch {epoch + 1}, to a loss or scores of inf or NaN: lower lr")
    histories = [fit.history for fit in recorder.fits(step)]
    return Found(histories, torch.stack(asked).cpu(), torch.stack(done).cpu())
