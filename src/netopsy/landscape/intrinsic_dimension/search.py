"""The search for the intrinsic dimension of a network's loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.progress import Task
from netopsy.core.seeds import check_seed, derive
from netopsy.landscape.intrinsic_dimension.curve import IDResult, crossing, dimension_from_curve
from netopsy.landscape.intrinsic_dimension.subspace import Chosen, SubspaceModel


@checked
def intrinsic_dimension(
    make_model: Callable[[int], nn.Module],
    train: Callable[[nn.Module, int], Any],
    score: Callable[[nn.Module], float],
    dims: Sequence[int],
    *,
    threshold: float | int = 0.9,
    baseline: float | int | None = None,
    target: float | int | None = None,
    repeats: int = 3,
    maximise: bool = True,
    refine: int = 3,
    projection: str = "fastfood",
    params: Chosen = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> IDResult:
    """The smallest dimension of a random subspace in which training does about as well as it does in all of space.

    Li et al. 2018, section 2. From the smallest of ``dims`` up, ``repeats`` networks are trained in a subspace of that
    dimension each, until the mean score reaches ``threshold`` times that of direct training (and so does each of them,
    so that the interval is closed); then the bracket is halved ``refine`` times.

    Args:
        make_model: gives a freshly initialised network for a seed.
        train: trains a network in place, ``train(model, seed)``. It is given a `SubspaceModel`, whose ``dimension`` and
            ``full`` tell what its learning rate should be, and for the baseline the network itself; `subspace_trainer`
            makes one.
        score: of a trained network: a validation accuracy, a mean reward.
        dims: ascending, best spaced logarithmically.
        threshold: share of the baseline. Where scores are to be small, the baseline is divided by it.
        baseline: the score of direct training; by default ``repeats`` networks are trained.
        target: what is to be reached, instead of a share of a baseline.
        refine: how often the bracket is halved, at its geometric mean.
        projection, params: as in `SubspaceModel`.

    Raises:
        InputError: a number out of range, dimensions that do not ascend or exceed the parameters, or a score that is
            not finite.
        NotReachedError: no dimension reaches it; what was found is with it.

    >>> from netopsy.data import digits
    >>> from netopsy.landscape.intrinsic_dimension import subspace_trainer
    >>> from netopsy.models import mlp
    >>> from netopsy.training import Recipe, evaluate
    >>> found = intrinsic_dimension(
    ...     lambda seed: mlp([64, 8, 10], seed=seed), subspace_trainer(digits(), Recipe(steps=20, lr=0.02)),
    ...     lambda model: evaluate(model, digits()).accuracy, (40, 160), target=0.15, repeats=1)
    >>> 1 <= found.dimension <= 160, found.full
    (True, 610)
    """
    tried = _checked_dims(dims, repeats, refine, threshold)
    check_seed(seed)
    require(baseline is None or target is None, "give a baseline or a target, not both")
    seeds = [derive(seed, "intrinsic dimension", number) for number in range(repeats)]
    made = make_model(seeds[0])
    full = SubspaceModel(made, 1, projection=projection, params=params, seed=0).full
    require(tried[-1] <= full, f"dims must be at most the {full} parameters there are, got {tried[-1]}")

    def scored(model: nn.Module, own: int) -> float:
        train(model, own)
        found = float(score(model))
        require(math.isfinite(found), f"score must be a finite number, got {found}: the training may have diverged")
        return found

    with Task("training in subspaces", repeats * (len(tried) + refine)) as task:
        if target is None and baseline is None:
            direct = [scored(make_model(own), own) for own in seeds]
            baseline, wanted = float(np.mean(direct)), np.array(direct)
        else:
            wanted = np.full(repeats, float(baseline if baseline is not None else target or 0.0))
        if target is None:
            wanted = wanted * threshold if maximise else wanted / threshold
        curve: dict[int, list[float]] = {}

        def above(dimension: int) -> np.ndarray:
            if dimension not in curve:
                curve[dimension] = []
                for own in seeds:
                    subspace = SubspaceModel(make_model(own), dimension, projection=projection, params=params, seed=own)
                    curve[dimension].append(scored(subspace, own))
                    task.advance()
            return (np.array(curve[dimension]) - wanted) * (1 if maximise else -1)

        _search(tried, above, refine)
    done = sorted(curve)
    return dimension_from_curve(
        done,
        [curve[each] for each in done],
        wanted,
        maximise=maximise,
        baseline=None if baseline is None else float(baseline),
        full=full,
        confidence=confidence,
        seed=seed,
    )


def _search(dims: Sequence[int], above: Callable[[int], np.ndarray], refine: int) -> None:
    """Walk up until all repeats are there, then halve the bracket in which their mean gets there."""
    seen: dict[int, float] = {}
    for dimension in dims:
        found = above(dimension)
        seen[dimension] = float(found.mean())
        if (found >= 0).all():
            break
    for _ in range(refine):
        done = sorted(seen)
        place = crossing(done, [seen[each] for each in done])
        if not math.isfinite(place) or place <= done[0]:
            return
        high = min(each for each in done if each >= place)
        low = max(each for each in done if each < high)
        middle = round((low * high) ** 0.5)
        if middle in (low, high):
            return
        seen[middle] = float(above(middle).mean())


def _checked_dims(dims: Sequence[int], repeats: int, refine: int, threshold: float | int) -> list[int]:
    for name, value, least in (("repeats", repeats, 1), ("refine", refine, 0)):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= least
        require(whole, f"{name} must be an int of at least {least}, got {value!r}")
    require(0 < threshold <= 1, f"threshold must be above 0 and at most 1, got {threshold}")
    tried = list(dims)
    whole = all(isinstance(each, int) and not isinstance(each, bool) and each >= 1 for each in tried)
    ascending = whole and all(one < other for one, other in pairwise(tried))
    require(tried and ascending, f"dims must be ascending ints from 1 up, got {tried}")
    return tried
