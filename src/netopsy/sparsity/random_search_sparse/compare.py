"""What a search gains: searched, unsearched and worst configurations of one parent trained beside each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import check_seed, derive
from netopsy.data import Dataset
from netopsy.sparsity.random_search_sparse.scoring import Rescale, Score
from netopsy.sparsity.random_search_sparse.search import random_search
from netopsy.sparsity.random_search_sparse.space import NodeSpace, node_space
from netopsy.training import Fit, Recipe, evaluate, fit_many
from netopsy.training.checks import check_data, check_kinds

Table: TypeAlias = Any
"""A pandas table, which is imported where one is made."""

DENSE, SEARCHED, RANDOM, WORST = "dense", "searched", "random", "worst"
DIGITS_RECIPE = Recipe(steps=600, batch_size=64, optimizer="sgd", lr=0.05)
"""How the perceptron of the default experiment is trained (ours)."""


@checked
def compare_sparse(
    model_fn: Callable[[int], nn.Module],
    train: Dataset,
    *,
    validation: Dataset,
    test: Dataset,
    recipe: Recipe = DIGITS_RECIPE,
    sparsities: Sequence[float | int] = (0.0, 0.5, 0.75, 0.9, 0.95),
    seeds: Sequence[int] = (0, 1, 2),
    n_candidates: int = 200,
    score: Score = "loss",
    rescale: Rescale = False,
    threshold: float | int = 0.5,
    evaluate_every: int = 10,
) -> Table:
    """Train the searched, the first and the worst configuration of every parent, and the parents themselves.

    All arms of a parent share its initial weights and the order of its batches. Sparse networks are trained as the
    small networks that they are, and those of one sparsity as one stack (`netopsy.training.fit_many`).

    Args:
        model_fn: the untrained parent of a seed.
        sparsities: shares of units left out; 0 stands for the dense parent.
        seeds: one a parent.
        threshold: of the validation loss, for ``steps_to_threshold``.
        evaluate_every: steps between looks at the validation loss.
        n_candidates, score, rescale: of `random_search`.

    Returns:
        a row for every parent, sparsity and arm (``dense``, ``searched``, ``random``, ``worst``): ``node_sparsity`` and
        ``parameter_sparsity`` as measured, ``initial_loss`` (training set, before training), ``final_loss`` and
        ``accuracy`` (test set), ``steps_to_threshold`` (interpolated; all steps where it was not reached, and
        ``reached`` says so), ``area`` (mean validation loss along the run), ``expected_best`` a search of 1, 2, 5, ...
        candidates would have found, as a mapping.

    Raises:
        InputError: see `random_search` and `netopsy.training.fit_many`.

    Source: the comparison of the abstract; recipe, threshold and the measure of convergence are ours (unconfirmed).

    >>> from netopsy.data import digits_split
    >>> from netopsy.models import mlp
    >>> train, validation, test = digits_split()
    >>> table = compare_sparse(
    ...     lambda seed: mlp([64, 16, 10], seed=seed), train, validation=validation, test=test,
    ...     recipe=Recipe(steps=20), sparsities=(0.0, 0.5), seeds=(0,), n_candidates=5,
    ... )
    >>> table["arm"].tolist(), table["parameter_sparsity"].round(2).tolist()
    (['dense', 'searched', 'random', 'worst'], [0.0, 0.5, 0.5, 0.5])
    """
    import pandas as pd

    require(len(seeds) > 0, "seeds is empty; give at least one")
    require(len(sparsities) > 0, "sparsities is empty; give at least one")
    require(callable(model_fn), f"model_fn must be a function of a seed, got {type(model_fn).__name__}")
    require(0 < threshold < math.inf, f"threshold must be positive and finite, got {threshold}")
    for seed in seeds:
        check_seed(seed)
    check_kinds(model_fn(seeds[0]), train, recipe)
    check_data("validation", validation)
    check_data("test", test)
    space = node_space(model_fn(seeds[0]), train.inputs[:2])
    rows: list[dict[str, Any]] = []
    for sparsity in sparsities:
        arms = []
        for seed in seeds:
            options = {"n_candidates": n_candidates, "score": score, "rescale": rescale, "loss": recipe.loss}
            arms += list(_arms(model_fn(seed), space, train, sparsity, seed, options))
        about, networks = [row for row, _ in arms], [network for _, network in arms]
        for row, network in zip(about, networks, strict=True):
            row["initial_loss"] = evaluate(network, train, loss=recipe.loss).loss
        fits = fit_many(
            networks,
            train,
            recipe,
            seeds=[derive(row["seed"], "order") for row in about],
            evaluation=validation,
            evaluate_every=evaluate_every,
        )
        for row, network, run in zip(about, networks, fits, strict=True):
            tested = evaluate(network, test, loss=recipe.loss)
            steps, reached = steps_to(run, threshold)
            found = {"final_loss": tested.loss, "accuracy": tested.accuracy, "steps_to_threshold": steps}
            area = float(run.history.loss["validation"].mean())
            rows.append({**row, **found, "reached": reached, "area": area})
    return pd.DataFrame(rows)


def _arms(
    parent: nn.Module, space: NodeSpace, train: Dataset, sparsity: float, seed: int, options: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], nn.Module]]:
    """The networks of one parent at one sparsity, with what is known of each before training."""
    size = sum(weight.numel() for weight in parent.parameters())
    row: dict[str, Any] = {"seed": seed, "sparsity": float(sparsity)}
    if sparsity == 0:
        yield {**row, "arm": DENSE, "node_sparsity": 0.0, "parameter_sparsity": 0.0}, parent
        return
    found = random_search(parent, train, sparsity, space=space, seed=derive(seed, "search", str(sparsity)), **options)
    counted = int((~found.scores.isnan()).sum())
    sizes = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if n <= counted]
    row["expected_best"] = {n: found.expected_best(n) for n in sizes}
    units = sum(space.widths.values())
    for arm, chosen in ((SEARCHED, found.best), (RANDOM, found.random), (WORST, found.worst)):
        network = found.network(parent, chosen)
        left = sum(weight.numel() for weight in network.parameters())
        kept = sum(int(mask.sum()) for mask in chosen.values())
        sparse = {"node_sparsity": 1 - kept / units, "parameter_sparsity": 1 - left / size}
        yield {**row, "arm": arm, **sparse}, network


def steps_to(run: Fit, threshold: float, name: str = "validation") -> tuple[float, bool]:
    """Steps until the loss on an evaluation set is first at most ``threshold``, interpolated, and whether it ever is.

    Where it never is, all steps of the run count.
    """
    steps, losses = run.history.steps.numpy().astype(float), run.history.loss[name].numpy()
    below = np.flatnonzero(losses <= threshold)
    if not len(below):
        return float(run.steps), False
    first = int(below[0])
    if first == 0:
        return float(steps[0]), True
    before, after = float(losses[first - 1]), float(losses[first])
    share = (before - threshold) / (before - after) if math.isfinite(before) else 1.0
    return float(steps[first - 1] + share * (steps[first] - steps[first - 1])), True
