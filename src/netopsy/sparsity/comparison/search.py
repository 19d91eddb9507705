"""Hidden units chosen by random search, so many that the network keeps a given share of its weights."""

from __future__ import annotations

import warnings

from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.masks import prunable_parameters
from netopsy.core.units import weight_masks
from netopsy.data import Dataset
from netopsy.sparsity.comparison.pruned import Budget
from netopsy.sparsity.random_search_sparse import NodeSpace, node_space, random_search

Masks = dict[str, Tensor]
_HALVINGS = 20


def searched_units(
    model: nn.Module, data: Dataset, density: float, budget: Budget, seed: int
) -> tuple[Masks, dict[str, Tensor]]:
    """The units that the best of many random configurations keeps, and the same as masks over all that goes with them.

    Raises:
        InputError: a network without removable units, or one whose other weights alone are too many.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of units that are not searched, which `check_search` tells once
        space = node_space(model, data.inputs[:2])
    found = random_search(
        model,
        data,
        _units_left_out(model, space, density),
        n_candidates=budget.candidates,
        loss=budget.recipe.loss,
        space=space,
        seed=seed,
    )
    units = {name: mask.cpu() for name, mask in found.best.items()}
    return units, weight_masks(model, space.units, units)


def check_search(model: nn.Module, data: Dataset, density: float) -> None:
    """Raise `InputError` where no choice of units keeps so few weights; a warning names units that are not searched."""
    _units_left_out(model, node_space(model, data.inputs[:2]), density)


def _units_left_out(model: nn.Module, space: NodeSpace, density: float) -> float:
    """The least share of units to leave out for at most ``density`` of the weights to stay, by bisection.

    How many weights stay depends on how many units of each group do, not on which.
    """
    low, high = 0.0, 1 - 1e-9
    least = _kept(model, space, high)
    require(
        least <= density,
        f"random search cannot keep only {100 * density:.3g} % of the weights: with one unit in every group that it "
        f"can make smaller, {100 * least:.3g} % stay",
    )
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _kept(model, space, middle) <= density else (middle, high)
    return high


def _kept(model: nn.Module, space: NodeSpace, left_out: float) -> float:
    units = {name: mask[0] for name, mask in space.sample(left_out, 1).items()}
    masks = weight_masks(model, space.units, units)
    weights = prunable_parameters(model)
    stay = sum(int(masks[name].sum()) if name in masks else weight.numel() for name, weight in weights.items())
    return stay / sum(weight.numel() for weight in weights.values())
