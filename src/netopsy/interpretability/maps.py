"""What is done to a saliency map once it is there: bring it to the size of the image, and to the range 0 to 1."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from netopsy.core.errors import require
from netopsy.core.shapes import Maps

_ROUNDING = 8
"""Maps whose range is within this many units in the last place are constant, but for rounding."""


def resized(maps: Maps, size: tuple[int, int]) -> Float[Tensor, "batch rows columns"]:
    """The maps at ``size`` (height, width), bilinear; pixels are areas, so corners are not aligned.

    >>> resized(torch.tensor([[[0.0, 1.0]]]), (1, 4))
    tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
    """
    _check(maps)
    return bilinear(maps[:, None], size)[:, 0] if maps.shape[1:] != tuple(size) else maps


def bilinear(
    grids: Float[Tensor, "batch channels y x"], size: tuple[int, int]
) -> Float[Tensor, "batch channels rows columns"]:
    """The one way in which maps are enlarged here: bilinear, pixels are areas; what has the size stays as it is."""
    if grids.shape[2:] == tuple(size):
        return grids
    return functional.interpolate(grids, size=tuple(size), mode="bilinear", align_corners=False)


def rescaled(maps: Maps) -> Maps:
    """Each map shifted and scaled to run from 0 to 1; a constant map becomes zeros.

    >>> rescaled(torch.tensor([[[2.0, 4.0, 3.0]], [[5.0, 5.0, 5.0]]]))
    tensor([[[0.0000, 1.0000, 0.5000]],
    <BLANKLINE>
            [[0.0000, 0.0000, 0.0000]]])
    """
    _check(maps)
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    flat = constant(maps)[:, None, None]
    return torch.where(flat, torch.zeros_like(maps), (maps - low) / torch.where(flat, 1, high - low))


def constant(maps: Maps) -> Bool[Tensor, "batch"]:
    """Which maps say nothing about where: bool ``[batch]``, true where a map is constant up to rounding.

    >>> constant(torch.tensor([[[2.0, 4.0]], [[5.0, 5.0]]]))
    tensor([False,  True])
    """
    low, high = maps.amin((1, 2)), maps.amax((1, 2))
    return high - low <= _ROUNDING * torch.finfo(maps.dtype).eps * torch.maximum(low.abs(), high.abs())


def _check(maps: Maps) -> None:
    require(
        maps.ndim == 3 and maps.numel() > 0 and maps.is_floating_point(),
        f"maps must be a float tensor [batch, height, width] with at least one entry, got {tuple(maps.shape)} of "
        f"{maps.dtype}",
    )
