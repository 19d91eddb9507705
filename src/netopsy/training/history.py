"""What a training run leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.drawing import panel, style
from netopsy.core.errors import lookup, require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The loss of every step's batch and of every evaluation set."""
        ax = panel(ax)
        ax.plot(self.train_loss.cpu().numpy(), label="batches", linewidth=0.8, alpha=0.6)
        for name, losses in self.loss.items():
            ax.plot(self.steps.cpu().numpy(), losses.cpu().numpy(), label=name)
        ax.set(xlabel="steps", ylabel="loss")
        ax.legend()
        return ax


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
