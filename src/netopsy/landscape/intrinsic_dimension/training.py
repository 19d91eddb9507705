"""Training in subspaces: one network as any other, several networks and dimensions as a stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data import Dataset
from netopsy.landscape.intrinsic_dimension.subspace import SubspaceModel
from netopsy.training import Fit, Recipe, fit, fit_many
from netopsy.training.plan import EvaluationSets


@checked
def rate_for(subspace: SubspaceModel, rate: float | int, *, optimizer: str = "adam") -> float:
    """The learning rate for ``z`` that moves the parameters about as far as ``rate`` would in plain training.

    Every coordinate takes a step of Adam of about the same length, so it is larger by ``sqrt(D / d)``; a gradient
    shrinks by that much when it is projected, so that of gradient descent is larger by ``D / d``.

    >>> rate_for(SubspaceModel(nn.Linear(99, 1), 4), 1e-3)
    0.005
    """
    share = subspace.full / subspace.dimension
    return float(rate) * (share if optimizer == "sgd" else share**0.5)


@checked
def subspace_trainer(data: Dataset, recipe: Recipe) -> Callable[[nn.Module, int], Fit]:
    """Trains networks and `SubspaceModel` alike, as `intrinsic_dimension` asks: ``train(model, seed)``.

    In a subspace the learning rate is that of `rate_for`, and the weight decay of the recipe is that of the projected
    parameters, not of ``z``.

    Raises:
        InputError: when it trains, as `netopsy.training.fit` does.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> subspace = SubspaceModel(mlp([64, 8, 10]), 20)
    >>> run = subspace_trainer(digits(), Recipe(steps=3))(subspace, 0)
    >>> bool(subspace.z.any())
    True
    """

    def train(model: nn.Module, seed: int) -> Fit:
        own = recipe
        if isinstance(model, SubspaceModel):
            model.weight_decay = float(recipe.weight_decay)
            rate = rate_for(model, recipe.lr, optimizer=recipe.optimizer)
            own = replace(recipe, lr=rate, weight_decay=0.0)
        return fit(model, data, own, seed=seed)

    return train


@dataclass(frozen=True, eq=False)
class SubspaceRun:
    """One network that was trained in one subspace."""

    network: int
    """Its place among the networks."""
    dimension: int
    model: SubspaceModel
    fit: Fit


@checked
def fit_subspaces(
    subspaces: Sequence[SubspaceModel],
    data: Dataset,
    recipe: Recipe,
    dims: Sequence[int],
    *,
    seeds: Sequence[int],
    evaluation: EvaluationSets = None,
) -> list[SubspaceRun]:
    """Train every network in the subspaces of the first d directions of its own, for several d, as a stack.

    All at once for Fastfood projections, otherwise a stack for each d. ``subspaces`` stay as they are; training starts
    at their ``z``.

    Args:
        subspaces: R networks of one architecture, each in the widest of its subspaces. Sparse projections have no
            stack; give their matrix.
        recipe: ``lr`` is the learning rate of ``z``, the same at every dimension. Its weight decay, where it has one,
            is that of the projected parameters.
        dims: dimensions up to that of ``subspaces``.
        seeds: one a network, of the order of its batches.
        evaluation: as in `netopsy.training.fit_many`, evaluated at the end.

    Returns:
        a run for each network and dimension, all networks of the first dimension first.

    Raises:
        InputError: as `netopsy.training.fit_many` does, or dimensions out of range.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> runs = fit_subspaces([SubspaceModel(mlp([64, 8, 10]), 10)], digits(), Recipe(steps=2), (5, 10), seeds=[0])
    >>> [(run.dimension, run.model.z.shape) for run in runs]
    [(5, torch.Size([5])), (10, torch.Size([10]))]
    """
    require(len(subspaces) > 0, "subspaces is empty; give at least one")
    require(len(seeds) == len(subspaces), f"seeds must have one entry a model, {len(subspaces)}, got {len(seeds)}")
    widest = min(each.dimension for each in subspaces)
    tried = list(dims)
    known = tried and all(isinstance(each, int) and 0 < each <= widest for each in tried)
    require(known, f"dims must be ints from 1 to {widest}, the dimension of the subspaces, got {tried}")
    own = replace(recipe, weight_decay=0.0)
    nested = all(each.projection.nested for each in subspaces)
    runs = []
    for group in [tried] if nested else [[each] for each in tried]:
        places = [(dimension, number) for dimension in group for number in range(len(subspaces))]
        stack = [subspaces[number].first(widest if nested else group[0]) for _, number in places]
        for each in stack:
            each.weight_decay = float(recipe.weight_decay) or each.weight_decay
        fits = fit_many(
            stack,
            data,
            own,
            seeds=[seeds[number] for _, number in places],
            evaluation=evaluation,
            masks=[{"z": torch.arange(each.dimension) < at} for each, (at, _) in zip(stack, places, strict=True)],
        )
        runs += [
            SubspaceRun(number, dimension, each.first(dimension), run)
            for (dimension, number), each, run in zip(places, stack, fits, strict=True)
        ]
    return runs
