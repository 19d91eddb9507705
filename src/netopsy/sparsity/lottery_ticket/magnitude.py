"""Which weights to prune: the smallest of those still there, in exact numbers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import check_tensors

Scope = Literal["layer", "global"]
Rate = float | Mapping[str, float]


@checked
def magnitude_masks(
    weights: Mapping[str, Tensor],
    masks: Mapping[str, Tensor] | None = None,
    rate: Rate = 0.2,
    scope: Scope = "layer",
    *,
    allow_empty: bool = False,
) -> dict[str, Tensor]:
    """Masks that keep all but the smallest of the weights that ``masks`` still keep.

    Exactly ``round(rate * alive)`` weights go, in each layer or over all layers together; of equal magnitudes the one
    that comes first goes first. Frankle and Carbin 2019, section 2 (layer-wise) and section 4 (global).

    Args:
        weights: parameter name to trained weights.
        masks: the present masks (bool, or 0 and 1) of the same names and shapes; ``None`` keeps everything so far.
        rate: share of the surviving weights to prune, in (0, 1); with ``scope="layer"`` also one rate a layer, where a
            layer that is not named keeps its mask.
        scope: ``"layer"`` prunes within each layer, ``"global"`` pools all of them.
        allow_empty: let a layer lose its last weight; otherwise its largest one is kept, with a warning.

    Returns:
        parameter name to bool mask; each is contained in the present one.

    Raises:
        InputError: a rate outside (0, 1), names or shapes that do not match, a mask that is not binary, weights that
            are not finite.

    >>> magnitude_masks({"w": torch.tensor([4.0, -1.0, 3.0, 2.0])}, rate=0.5)["w"].tolist()
    [True, False, True, False]
    """
    alive = _checked(weights, masks)
    require(scope in ("layer", "global"), f"scope must be 'layer' or 'global', got {scope!r}")
    check_rate(rate, weights, scope)
    if isinstance(rate, Mapping):
        new = {name: _prune(weights[name], alive[name], rate[name]) if name in rate else alive[name] for name in alive}
    elif scope == "layer":
        new = {name: _prune(weights[name], alive[name], rate) for name in alive}
    else:
        pooled = _prune(
            torch.cat([value.reshape(-1) for value in weights.values()]),
            torch.cat([mask.reshape(-1) for mask in alive.values()]),
            rate,
        )
        pieces = torch.split(pooled, [mask.numel() for mask in alive.values()])
        new = {name: piece.view_as(alive[name]) for name, piece in zip(alive, pieces, strict=True)}
    return new if allow_empty else {name: _kept_alive(name, weights[name], alive[name], new[name]) for name in new}


@checked
def layer_rates(names: list[str], rate: Rate, *, output: str | None = None, output_factor: float = 0.5) -> Rate:
    """One rate a layer: ``rate``, and ``output_factor`` times it for the output layer.

    Frankle and Carbin prune the output layer at half the rate of the others (section 2): it is small, and soon the
    bottleneck. With a factor of 1 or without an output layer, the rate is handed back as it is.

    Raises:
        InputError: an output layer that is none of ``names``, or a factor that is not above 0 and at most 1.

    >>> layer_rates(["fc1.weight", "fc2.weight"], 0.2, output="fc2.weight")
    {'fc1.weight': 0.2, 'fc2.weight': 0.1}
    """
    require(0 < output_factor <= 1, f"output_rate_factor must be in (0, 1], got {output_factor}")
    if isinstance(rate, Mapping) or output is None or output_factor == 1:
        return rate
    if output not in names:
        raise UnknownNameError("output layer", output, names)
    return {name: rate * (output_factor if name == output else 1) for name in names}


def _prune(weights: Tensor, alive: Tensor, rate: float) -> Tensor:
    """``alive`` without its ``round(rate * alive)`` smallest weights."""
    magnitudes = weights.detach()[alive].abs()
    count = round(rate * len(magnitudes))
    if count == 0:
        return alive.clone()
    threshold = magnitudes.kthvalue(count).values
    smaller, tied = magnitudes < threshold, magnitudes == threshold
    first_tied = tied & (tied.cumsum(0) <= count - smaller.sum())
    new = alive.clone()
    new[alive] = ~(smaller | first_tied)
    return new


def _kept_alive(name: str, weights: Tensor, alive: Tensor, new: Tensor) -> Tensor:
    if new.any() or not alive.any():
        return new
    warnings.warn(f"pruning would leave {name!r} without a weight; its largest is kept", stacklevel=3)
    last = torch.where(alive, weights.detach().abs(), -1.0).argmax()
    new = new.clone()
    new.view(-1)[last] = True
    return new


def _checked(weights: Mapping[str, Tensor], masks: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    check_tensors("weights", weights)
    require(weights, "weights is empty; give at least one parameter name and its weights")
    for name, value in weights.items():
        require(bool(value.detach().isfinite().all()), f"weights[{name!r}] hold NaN or infinite values")
    if masks is None:
        return {name: torch.ones_like(value, dtype=torch.bool) for name, value in weights.items()}
    check_tensors("masks", masks)
    for name in masks:
        if name not in weights:
            raise UnknownNameError("name in masks", name, weights)
    for name, value in weights.items():
        require(name in masks, f"masks has no entry for {name!r}")
        got, wanted = tuple(masks[name].shape), tuple(value.shape)
        require(got == wanted, f"masks[{name!r}] must have shape {wanted}, got {got}")
        mask = masks[name]
        binary = mask.dtype == torch.bool or bool(((mask == 0) | (mask == 1)).all())
        require(binary, f"masks[{name!r}] must hold only 0 and 1 (or be boolean)")
    return {name: masks[name].to(value.device, torch.bool) for name, value in weights.items()}


def check_rate(rate: object, weights: Mapping[str, object], scope: str) -> None:
    """Raise `InputError` unless ``rate`` is a share, or a share for some of the layers."""
    if not isinstance(rate, Mapping):
        require(_is_share(rate), f"rate must be strictly between 0 and 1, got {rate!r}")
        return
    require(scope == "layer", "a rate for each layer goes with scope='layer'; scope='global' takes one number")
    require(rate, "rate is empty; give at least one parameter name and its rate")
    for name, value in rate.items():
        if name not in weights:
            raise UnknownNameError("layer in rate", name, weights)
        require(_is_share(value), f"rate[{name!r}] must be strictly between 0 and 1, got {value!r}")


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value < 1
