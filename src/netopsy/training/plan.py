"""When a run is evaluated and on what, and the small steps both loops share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from netopsy.core.errors import require
from netopsy.data import Dataset
from netopsy.training.checks import check_data
from netopsy.training.recipe import Recipe

EvaluationSets = Dataset | Mapping[str, Dataset] | None
"""One set, which is then called ``validation``, or several by name."""


def evaluation_sets(evaluation: EvaluationSets) -> dict[str, Dataset]:
    """The evaluation sets by name."""
    if isinstance(evaluation, Dataset):
        return {"validation": evaluation}
    sets = {} if evaluation is None else evaluation
    require(isinstance(sets, Mapping), f"evaluation must be a Dataset, or several by name, got {type(sets).__name__}")
    for name, part in sets.items():
        check_data(f"evaluation[{name!r}]", part)
    return dict(sets)


def check_kept(steps: Iterable[int], start: int, end: int) -> None:
    """Raise `InputError` for a step whose state cannot be kept, because the run does not come by it."""
    for step in steps:
        require(start <= step <= end, f"keep_states must be from {start} to {end}, the steps of the run, got {step}")


def evaluation_steps(recipe: Recipe, sets: Mapping[str, Dataset], every: int | None, start: int) -> frozenset[int]:
    """Numbers of done steps at which to evaluate: every ``every`` steps and at the end."""
    require(0 <= start <= recipe.steps, f"start_step must be from 0 to {recipe.steps}, got {start}")
    require(every is None or every > 0, f"evaluate_every must be at least 1, got {every}")
    require(every is None or sets, "evaluate_every needs an evaluation set")
    if not sets:
        return frozenset()
    return frozenset(range(every or recipe.steps, recipe.steps + 1, every or recipe.steps)) | {recipe.steps}


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Use learning rate ``lr`` in the next step."""
    for group in optimizer.param_groups:
        group["lr"] = lr
