"""How much two masks have in common."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import Masks, check_tensors


@dataclass(frozen=True)
class Overlap:
    """Shares of the weights kept by one mask that another keeps too."""

    layers: dict[str, float]
    """Parameter name to the share in that layer; NaN where the layer keeps none."""
    pooled: float
    """The share over all layers."""
    chance: float
    """What ``pooled`` is expected to be for a second mask that keeps as many weights of every layer at random."""


@checked
def mask_overlap(a: Masks, b: Masks) -> Overlap:
    """The share of the weights that ``a`` keeps which ``b`` keeps too, layer by layer and over all.

    Zhang et al. 2023, section 3. Where both keep as many weights of a layer, it does not matter which comes first.

    Args:
        a, b: parameter name to bool masks, of the same names and shapes.

    Raises:
        InputError: names or shapes that differ, masks that are not boolean, or ``a`` keeps nothing.

    >>> a, b = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])
    >>> found = mask_overlap({"w": a}, {"w": b})
    >>> found.pooled, found.chance
    (0.5, 0.5)
    """
    for argument, masks in (("a", a), ("b", b)):
        check_tensors(argument, masks)
        require(masks, f"{argument} is empty; give at least one parameter name and its mask")
        for name, mask in masks.items():
            require(mask.dtype == torch.bool, f"{argument}[{name!r}] must be a bool mask, got {mask.dtype}")
    for name in b:
        if name not in a:
            raise UnknownNameError("mask in b", name, a)
    for name, mask in a.items():
        require(name in b, f"b has no mask for {name!r}")
        got, wanted = tuple(b[name].shape), tuple(mask.shape)
        require(got == wanted, f"b[{name!r}] must have the shape of a's, {wanted}, got {got}")
    kept = {name: int(mask.sum()) for name, mask in a.items()}
    total = sum(kept.values())
    require(total > 0, "a keeps no weight, so that there is nothing to have in common")
    common = {name: int((mask & b[name].to(mask.device)).sum()) for name, mask in a.items()}
    expected = sum(kept[name] * float(b[name].float().mean()) for name in a if a[name].numel())
    return Overlap(
        {name: common[name] / kept[name] if kept[name] else float("nan") for name in a},
        sum(common.values()) / total,
        expected / total,
    )
