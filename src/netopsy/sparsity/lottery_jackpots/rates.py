"""How much of each layer is removed, and the mask that a search starts from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import Masks, check_masks, check_tensors, density, prunable_parameters
from netopsy.core.seeds import derive
from netopsy.sparsity.criteria import keep_largest
from netopsy.sparsity.lottery_ticket import magnitude_masks, shuffle_masks

LayerRates = Literal["global", "uniform"] | Mapping[str, float | int]
Start = Literal["magnitude", "random"] | Masks


@checked
def prune_rates(
    weights: Mapping[str, Tensor],
    sparsity: float | int = 0.9,
    *,
    layer_rates: LayerRates = "global",
    allow_empty: bool = False,
) -> dict[str, float]:
    """The share of every layer that is removed, each a whole number of weights.

    Zhang et al. 2023, section 3: one threshold on the magnitudes of all layers, under which a share ``sparsity`` of
    them lies, and for each layer the share of its own that lies there.

    Args:
        weights: parameter name to trained weights; a classifier that is to stay whole is not among them.
        sparsity: share of all these weights to remove, in (0, 1).
        layer_rates: ``"global"``, as above; ``"uniform"``, ``sparsity`` of every layer, rounded down; or a rate in
            [0, 1) by parameter name, where layers that are not named stay whole and ``sparsity`` means nothing.
        allow_empty: let a layer lose all its weights.

    Raises:
        InputError: a sparsity or rate out of range, an unknown name, weights that are not finite, or a layer that
            would be left without weights.

    >>> weights = {"a": torch.tensor([1.0, 2.0, 9.0, 8.0]), "b": torch.tensor([3.0, 7.0])}
    >>> prune_rates(weights, 0.5)
    {'a': 0.5, 'b': 0.5}
    >>> prune_rates(weights, layer_rates={"b": 0.5})
    {'a': 0.0, 'b': 0.5}
    """
    check_tensors("weights", weights)
    require(weights, "weights is empty; give at least one parameter name and its weights")
    for name, weight in weights.items():
        require(weight.numel() > 0, f"weights[{name!r}] is empty: leave its layer out")
    if isinstance(layer_rates, Mapping):
        rates = dict.fromkeys(weights, 0.0)
        for name, rate in layer_rates.items():
            if name not in weights:
                raise UnknownNameError("layer in layer_rates", name, weights)
            _check_share(f"layer_rates[{name!r}]", rate, least=0)
            rates[name] = _whole(rate, weights[name].numel())
    else:
        require(
            layer_rates in ("global", "uniform"),
            f"layer_rates must be 'global', 'uniform' or rates by parameter name, got {layer_rates!r}",
        )
        _check_share("sparsity", sparsity)
        if layer_rates == "uniform":
            rates = {name: _whole(sparsity, weight.numel()) for name, weight in weights.items()}
        else:
            masks = magnitude_masks(weights, rate=float(sparsity), scope="global", allow_empty=True)
            rates = {name: 1 - density({name: mask}) for name, mask in masks.items()}
    for name, rate in rates.items():
        require(
            allow_empty or round(rate * weights[name].numel()) < weights[name].numel(),
            f"layer {name!r} would be left without weights at sparsity {sparsity:g}: take layer_rates='uniform', a "
            "lower sparsity, or allow_empty=True",
        )
    return rates


@checked
def start_masks(
    model: nn.Module,
    sparsity: float | int = 0.9,
    *,
    init: Literal["magnitude", "random"] = "magnitude",
    layer_rates: LayerRates = "global",
    exclude: Sequence[str] = (),
    allow_empty: bool = False,
    seed: int = 0,
) -> dict[str, Tensor]:
    """The masks that a search starts from: the largest weights of every layer, or as many at random.

    Args:
        sparsity, layer_rates, allow_empty: how much is removed and where; see `prune_rates`.
        exclude: names of modules that stay whole, the classifier among them.
        seed: of the random masks.

    Raises:
        InputError: nothing to prune, or what `prune_rates` refuses.

    >>> net = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 2))
    >>> {name: int(mask.sum()) for name, mask in start_masks(net, 0.75, exclude=["2"]).items()}
    {'0.weight': 10}
    """
    require(init in ("magnitude", "random"), f"init must be 'magnitude' or 'random', got {init!r}")
    weights = {name: weight.detach() for name, weight in prunable_parameters(model, exclude=exclude).items()}
    rates = prune_rates(weights, sparsity, layer_rates=layer_rates, allow_empty=allow_empty)
    magnitudes = {name: weight.abs() for name, weight in weights.items()}
    masks = keep_largest(magnitudes, {name: 1 - rate for name, rate in rates.items()})
    return shuffle_masks(masks, seed=derive(seed, "start")) if init == "random" else masks


def rates_of(masks: Masks) -> dict[str, float]:
    """The share of every layer that masks remove."""
    return {name: 1 - density({name: mask}) for name, mask in masks.items()}


def checked_start(model: nn.Module, masks: Masks) -> dict[str, Tensor]:
    """Masks given by the caller, as bool tensors where the weights are."""
    return {name: masks[name].to(weight.device, torch.bool) for name, weight in check_masks(model, masks).items()}


def _whole(rate: float | int, n: int) -> float:
    """The rate of a whole number of weights, rounded down."""
    return math.floor(rate * n + 1e-9) / n


def _check_share(name: str, value: object, least: float | int = 1e-12) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and least <= value < 1
    require(number, f"{name} must be {'at least 0' if least == 0 else 'above 0'} and below 1, got {value!r}")
