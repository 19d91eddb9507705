"""What is measured: one network pruned in one way with one seed."""

from __future__ import annotations

from netopsy.core.errors import require
from netopsy.core.masks import density, prunable_parameters
from netopsy.core.seeds import derive
from netopsy.core.units import compact, unit_groups
from netopsy.examination.pruning.source import Source
from netopsy.lab import Rows
from netopsy.sparsity.comparison import Budget, Pruned, prune
from netopsy.training import evaluate, fit

DENSE = "dense"
"""The network as it is, trained for the whole budget."""


def pruned(source: Source, budget: Budget, method: str, sparsity: float, seed: int) -> Rows:
    """Accuracy and loss on the test set, and what the network keeps."""
    found = prune_source(source, budget, method, sparsity, seed)
    _, test = source.data()
    result = evaluate(found.network, test, loss=budget.recipe.loss)
    weights = prunable_parameters(found.network)
    kept = {name: mask for name, mask in found.masks.items() if name in weights}
    smaller = found.network
    if found.units is not None:
        smaller = compact(found.network, unit_groups(found.network, test.inputs[:2]), found.units)
    total = sum(weight.numel() for weight in weights.values())
    left = sum(weight.numel() for name, weight in weights.items() if name not in kept)
    yield {
        "accuracy": result.accuracy,
        "loss": result.loss,
        "density": (left + density(kept) * (total - left)) / total if kept else 1.0,
        "parameters": sum(parameter.numel() for parameter in smaller.parameters()),
        "steps": found.steps,
    }


def prune_source(source: Source, budget: Budget, method: str, sparsity: float, seed: int) -> Pruned:
    """The pruned network of one cell: the same every time."""
    train, _ = source.data()
    network, trained = source.untrained(seed), source.trained()
    if method != DENSE:
        return prune(network, train, budget, method, sparsity=sparsity, trained=trained, seed=derive(seed, "prune"))
    require(sparsity == 0, f"the dense network has sparsity 0, got {sparsity:g}")
    if trained is not None:
        return Pruned(trained, {}, 0)
    fit(network, train, budget.recipe, seed=derive(seed, "prune"))
    return Pruned(network, {}, budget.recipe.steps)
