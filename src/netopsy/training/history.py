"""What a training run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.errors import lookup, require

State = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class History:
    """Loss and accuracy along a run."""

    train_loss: Float[Tensor, "steps"]
    """Mean loss of each step's batch, before the step."""
    steps: Int[Tensor, "evaluations"]
    """How many steps were done at each evaluation."""
    loss: Mapping[str, Float[Tensor, "evaluations"]]
    """Name of an evaluation set to its mean loss."""
    accuracy: Mapping[str, Float[Tensor, "evaluations"]]
    """Name of an evaluation set to its accuracy."""

    def best(self, name: str = "validation") -> int:
        """Index of the evaluation with the least loss on set ``name``: where early stopping would stop."""
        losses = lookup("evaluation set", name, self.loss)
        require(len(losses), "the run was never evaluated; give fit evaluate_every")
        return int(torch.where(losses.isnan(), torch.inf, losses).argmin())

    def early_stop_step(self, name: str = "validation") -> int:
        """Number of steps done at the least loss on set ``name``."""
        return int(self.steps[self.best(name)])


@dataclass(frozen=True, eq=False)
class Fit:
    """A finished run; the network itself was trained in place."""

    history: History
    states: Mapping[int, State]
    """Number of steps done to the network's state then, on the CPU; for the steps asked for."""
    steps: int
    """Steps really done: fewer than asked for when the run stopped early."""


def accuracies(fit: Fit, name: str) -> Float[Tensor, "evaluations"]:
    """Accuracy on evaluation set ``name`` along the run."""
    return lookup("evaluation set", name, fit.history.accuracy)
