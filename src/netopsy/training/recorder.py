"""Collects what happens along one run, or along a stack of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from netopsy.training.history import Fit, History, State


class Recorder:
    """Losses, evaluations and kept states of R replicas; `fits` turns them into one `Fit` each."""

    def __init__(self, *, replicas: int, sets: Iterable[str]) -> None:
        self.replicas = replicas
        self.names = list(sets)
        self.train_losses: list[Tensor] = []
        self.steps: list[int] = []
        self.losses: dict[str, list[Tensor]] = {name: [] for name in self.names}
        self.accuracies: dict[str, list[Tensor]] = {name: [] for name in self.names}
        self.kept: dict[int, list[State]] = {}

    def stepped(self, losses: Tensor) -> None:
        """One step was done with these batch losses, ``[replicas]``; they stay on their device until the end."""
        self.train_losses.append(losses)

    def evaluated(self, step: int, results: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """After ``step`` steps each set has these losses and accuracies, ``[replicas]`` each."""
        self.steps.append(step)
        for name, (loss, accuracy) in results.items():
            self.losses[name].append(loss)
            self.accuracies[name].append(accuracy)

    def keep(self, step: int, states: Sequence[State]) -> None:
        """Keep the states after ``step`` steps."""
        self.kept[step] = list(states)

    def evaluations_without_progress(self, name: str) -> int:
        """How many evaluations lie behind the least loss on set ``name``; all of them where none was a number."""
        best, since = torch.inf, 0
        for losses in self.losses[name]:
            best, since = (float(losses), 0) if float(losses) < best else (best, since + 1)
        return since

    def fits(self, steps: int) -> list[Fit]:
        """One finished run a replica."""
        trained = _table(self.train_losses, self.replicas)
        losses = {name: _table(rows, self.replicas) for name, rows in self.losses.items()}
        accuracies = {name: _table(rows, self.replicas) for name, rows in self.accuracies.items()}
        return [
            Fit(
                history=History(
                    train_loss=trained[:, i],
                    steps=torch.tensor(self.steps, dtype=torch.int64),
                    loss={name: rows[:, i] for name, rows in losses.items()},
                    accuracy={name: rows[:, i] for name, rows in accuracies.items()},
                ),
                states={step: states[i] for step, states in self.kept.items()},
                steps=steps,
            )
            for i in range(self.replicas)
        ]

    def state_dict(self) -> dict[str, Any]:
        """Everything collected so far, as plain values and a few tensors."""
        return {**vars(self), "train_losses": _table(self.train_losses, self.replicas)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        vars(self).update(state, train_losses=list(state["train_losses"]))


def _table(rows: Sequence[Tensor], replicas: int) -> Tensor:
    """The rows as ``[rows, replicas]`` on the CPU; those of one device travel together."""
    parts = [torch.stack(list(part)).float().cpu() for _, part in groupby(rows, key=lambda row: row.device)]
    return torch.cat(parts) if parts else torch.zeros(0, replicas)
