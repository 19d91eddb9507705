"""What a way of pruning gets, and what it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch import Tensor, nn

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.training import Recipe


@checked_class
@dataclass(frozen=True)
class Budget:
    """The training that every method gets, whatever it spends it on.

    Raises `InputError` for numbers out of range, or a recipe of fewer steps than the methods have trainings.
    """

    recipe: Recipe
    """Its ``steps`` are all the steps there are: those before pruning, those of every round and those of a search."""
    rounds: int = 3
    """Of iterative pruning, which trains once more than it prunes."""
    rewind: float = 0.1
    """Share of a round's steps after which late rewinding keeps the weights."""
    candidates: int = 100
    """Configurations that random search scores, by forward passes alone."""

    def __post_init__(self) -> None:
        for name in ("rounds", "candidates"):
            value = getattr(self, name)
            fits = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            require(fits, f"{name} must be an int of at least 1, got {value!r}")
        require(0 < self.rewind < 1, f"rewind must be a share of the steps between 0 and 1, got {self.rewind}")
        least = 2 * (self.rounds + 1)
        require(
            self.recipe.steps >= least,
            f"{self.recipe.steps} steps are too few for {self.rounds} rounds of pruning: at least {least} are needed",
        )

    def part(self, trainings: int) -> Recipe:
        """The recipe of one of several trainings that share the steps evenly."""
        return self._of(self.recipe.steps // trainings)

    def rest(self, spent: int) -> Recipe:
        """The recipe of the steps that are left."""
        return self._of(self.recipe.steps - spent)

    def _of(self, steps: int) -> Recipe:
        """The schedule over so many steps, with warm-up and milestones at the same shares of them."""
        whole = self.recipe
        shrunk = steps / whole.steps
        return replace(
            whole,
            steps=steps,
            warmup=math.ceil(whole.warmup * shrunk),
            milestones=tuple(max(1, round(at * shrunk)) for at in whole.milestones),
        )


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned network, trained."""

    network: nn.Module
    """With the weights that ``masks`` drop at exactly 0, in the architecture that was given."""
    masks: dict[str, Tensor]
    """Parameter name to bool mask."""
    steps: int
    """Optimiser steps that were spent, all in all."""
    units: dict[str, Tensor] | None = None
    """Where whole units were removed: group to bool mask, for `netopsy.core.units.compact`."""
