"""The ways of pruning, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import lookup, require
from netopsy.core.masks import prunable_parameters
from netopsy.core.modes import check_model, device_of
from netopsy.core.seeds import check_seed, derive
from netopsy.data import Dataset, batch_indices, batches_per_epoch, epoch_order
from netopsy.sparsity.comparison.pruned import Budget, Pruned
from netopsy.sparsity.comparison.search import check_search, searched_units
from netopsy.sparsity.criteria import keep_largest, scores
from netopsy.sparsity.lottery_jackpots import find_jackpot
from netopsy.sparsity.lottery_ticket import iterative_magnitude_pruning
from netopsy.sparsity.ratios import layer_densities, random_masks
from netopsy.training import fit, trainer
from netopsy.training.checks import check_data

Masks = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class _Task:
    """A network to prune, and all that a method may use for it."""

    model: nn.Module
    """Untrained; the method may change it."""
    trained: nn.Module | None
    data: Dataset
    budget: Budget
    density: float
    seed: int

    def weights(self, model: nn.Module) -> Masks:
        return {name: weight.detach() for name, weight in prunable_parameters(model).items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tuple(weight.shape) for name, weight in self.weights(self.model).items()}

    def from_scratch(self, masks: Masks) -> Pruned:
        """The initial weights under a mask, trained for the whole budget."""
        recipe = self.budget.recipe
        fit(self.model, self.data, recipe, seed=self.seed, masks=masks)
        return Pruned(self.model, masks, recipe.steps)

    def dense(self) -> tuple[nn.Module, int]:
        """A trained network and the steps it took: the given one, or one that takes half of the budget."""
        if self.trained is not None:
            return copied(self.trained), 0
        half = self.budget.part(2)
        fit(self.model, self.data, half, seed=self.seed)
        return self.model, half.steps


def _magnitude(task: _Task) -> Pruned:
    """Train, remove the smallest weights of all layers together at one go, train on."""
    network, spent = task.dense()
    masks = keep_largest({name: weight.abs() for name, weight in task.weights(network).items()}, task.density)
    rest = task.budget.rest(spent)
    fit(network, task.data, rest, seed=derive(task.seed, "tuning"), masks=masks)
    return Pruned(network, masks, spent + rest.steps)


def _random(task: _Task) -> Pruned:
    """Remove weights at random before training, the same share of each layer."""
    return task.from_scratch(_random_masks(task, "uniform"))


def _random_erk(task: _Task) -> Pruned:
    """The same with Erdos-Renyi-kernel shares (Liu et al. 2022)."""
    return task.from_scratch(_random_masks(task, "erk"))


def _random_masks(task: _Task, method: str) -> Masks:
    shapes = task.shapes()
    masks = random_masks(shapes, layer_densities(shapes, task.density, method), seed=derive(task.seed, "mask"))
    return {name: mask.to(device_of(task.model)) for name, mask in masks.items()}


def _snip(task: _Task) -> Pruned:
    """Remove the weights that matter least to the loss of one batch, before training (Lee et al. 2019)."""
    some = task.data[batch_indices(len(task.data), task.budget.recipe.batch_size, derive(task.seed, "batch"), 0)]
    task.model.train()
    found = scores(task.model, "snip", some.inputs, some.targets, loss=task.budget.recipe.loss, seed=task.seed)
    return task.from_scratch(keep_largest(found, task.density))


def _ticket(task: _Task) -> Pruned:
    """Iterative magnitude pruning, back to the initial weights (Frankle and Carbin 2019)."""
    return _rounds(task, 0.0)


def _late_ticket(task: _Task) -> Pruned:
    """Iterative magnitude pruning, back to the weights a little way into training (Frankle et al. 2020)."""
    return _rounds(task, task.budget.rewind)


def _rounds(task: _Task, rewind: float) -> Pruned:
    rounds = task.budget.rounds
    recipe = task.budget.part(rounds + 1)
    back = max(1, round(rewind * recipe.steps)) if rewind else 0
    found = iterative_magnitude_pruning(
        task.model,
        trainer(task.data, recipe, seed=task.seed),
        rounds,
        rate=1 - task.density ** (1 / rounds),
        scope="global",
        rewind_step=back,
    )
    return Pruned(task.model, found.masks[-1], recipe.steps + rounds * (recipe.steps - back))


def _jackpot(task: _Task) -> Pruned:
    """Train, then learn which weights to keep as they are (Zhang et al. 2023)."""
    network, spent = task.dense()
    recipe, data = task.budget.rest(spent), task.data
    if batches_per_epoch(len(data), recipe.batch_size) > recipe.steps:  # the search goes by epochs
        order = epoch_order(len(data), derive(task.seed, "searched"), 0)
        data = data[order[: recipe.steps * recipe.batch_size]]
    an_epoch = batches_per_epoch(len(data), recipe.batch_size)
    epochs = recipe.steps // an_epoch
    found = find_jackpot(
        network,
        data,
        sparsity=1 - task.density,
        epochs=epochs,
        batch_size=recipe.batch_size,
        exclude=(),
        loss=recipe.loss,
        seed=task.seed,
    )
    return Pruned(found.export(), found.masks, spent + epochs * an_epoch)


def _random_search(task: _Task) -> Pruned:
    """The best of many random choices of hidden units before training (Farahani 2024), with smaller layers."""
    units, masks = searched_units(task.model, task.data, task.density, task.budget, derive(task.seed, "search"))
    found = task.from_scratch(masks)
    return Pruned(found.network, masks, found.steps, units)


_METHODS: dict[str, Callable[[_Task], Pruned]] = {
    "random": _random,
    "random-erk": _random_erk,
    "snip": _snip,
    "magnitude": _magnitude,
    "ticket": _ticket,
    "late-ticket": _late_ticket,
    "jackpot": _jackpot,
    "random-search": _random_search,
}
METHODS = tuple(_METHODS)
"""The names that `prune` knows; the first is the control of the others."""


@checked
def check_prunable(model: nn.Module, data: Dataset, method: str, *, sparsity: float) -> None:
    """Raise `InputError` where a network cannot be pruned so far in that way, before any training."""
    check_model(model)
    check_data("data", data)
    lookup("method", method, _METHODS)
    require(0 < sparsity < 1, f"sparsity must be between 0 and 1, got {sparsity}")
    weights = prunable_parameters(model)
    total = sum(weight.numel() for weight in weights.values())
    require(
        round((1 - sparsity) * total) >= 1,
        f"sparsity {sparsity:g} would leave none of the network's {total:,} weights",
    )
    if method == "random-search":
        check_search(model, data, 1 - sparsity)


@checked
def never_pruned(model: nn.Module) -> dict[str, int]:
    """Parameters of two sides or more that no method prunes, and their sizes.

    They are those of recurrent and attention layers, embeddings, and whatever is no linear or convolutional layer.

    >>> never_pruned(nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)))
    {'0.weight': 15}
    """
    pruned = {id(weight) for weight in prunable_parameters(model).values()}
    others = {name: value for name, value in model.named_parameters() if value.ndim > 1 and id(value) not in pruned}
    return {name: value.numel() for name, value in others.items()}


@checked
def prune(
    model: nn.Module,
    data: Dataset,
    budget: Budget,
    method: str,
    *,
    sparsity: float,
    trained: nn.Module | None = None,
    seed: int = 0,
) -> Pruned:
    """A sparse network by one of `METHODS`, trained within the budget.

    Densities are over the weights of linear and convolutional layers (`netopsy.core.masks.prunable_parameters`).
    ``magnitude`` and ``jackpot`` start from a trained network: from ``trained`` if there is one, and otherwise they
    spend half of the budget on it. ``random-search`` removes whole units and keeps at most as many weights.

    Args:
        model: an untrained network, which is not changed.
        data: the training set.
        sparsity: share of weights removed, in (0, 1).
        seed: of masks, batches and searches; with the initial weights it decides the result.

    Raises:
        InputError: an unknown method, a sparsity out of range or beyond what the layers can give, or a network that
            cannot be pruned that way.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> from netopsy.training import Recipe
    >>> found = prune(mlp([64, 20, 10]), digits(), Budget(Recipe(steps=20)), "snip", sparsity=0.9)
    >>> int(found.masks["fc1.weight"].sum() + found.masks["output.weight"].sum()), found.steps
    (148, 20)
    """
    check_model(model)
    check_data("data", data)
    check_seed(seed)
    way = lookup("method", method, _METHODS)
    require(0 < sparsity < 1, f"sparsity must be between 0 and 1, got {sparsity}")
    prunable_parameters(model)
    return way(_Task(copied(model), trained, data.to(device_of(model)), budget, 1 - sparsity, seed))
