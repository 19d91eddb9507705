"""A data set and a recipe as a training loop that a method can call again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data import Dataset
from netopsy.training.checkpoint import run_identity
from netopsy.training.history import Fit
from netopsy.training.loop import fit
from netopsy.training.recipe import Recipe

_ELSEWHERE = ("fabric", "checkpoint_every")  # where a run is at work, not how it goes


@dataclass(frozen=True)
class Trainer:
    """A training loop with everything settled but the network; `trainer` makes one."""

    data: Dataset
    recipe: Recipe
    options: Mapping[str, Any]

    def __call__(
        self, model: nn.Module, *, start_step: int = 0, on_step: Callable[[int, nn.Module], None] | None = None
    ) -> Fit:
        """Train ``model`` in place."""
        return fit(model, self.data, self.recipe, start_step=start_step, on_step=on_step, **self.options)

    def identity(self, model: nn.Module) -> dict[str, Any]:
        """What tells this loop from another, as plain values."""
        return run_identity(
            model, self.data, self.recipe, **{name: v for name, v in self.options.items() if name not in _ELSEWHERE}
        )


@checked
def trainer(data: Dataset, recipe: Recipe, **options: Any) -> Trainer:
    """A callable ``train(model, *, start_step=0, on_step=None)`` that calls `fit` with everything else settled.

    ``options`` are those of `fit`, but for ``checkpoint``: the second call would find the first one's end in it.

    Raises:
        InputError: ``options`` holds a checkpoint.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> train = trainer(digits(), Recipe(steps=20), seed=1)
    >>> train(mlp([64, 10])).steps
    20
    """

    require(
        "checkpoint" not in options, "checkpoint is for a single run of fit, and a trainer is called again and again"
    )
    return Trainer(data, recipe, options)
