"""The pointing game: does the highest place of a map lie on the object?"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn import functional

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.shapes import Maps, PixelMasks


@checked
def pointing_game(maps: Maps, masks: PixelMasks, tolerance: int = 0) -> Bool[Tensor, "batch"]:
    """Whether each map's highest position lies on the object, or within ``tolerance`` pixels of it.

    Where several positions are equally high, all of them must: a constant map, which points nowhere, does not score by
    the accident of which position is looked at first.

    Args:
        maps: ``[batch, height, width]``, at the size of the masks.
        masks: bool, true on the object.
        tolerance: in pixels; 15 is usual at full size, 0 for small images.

    Raises:
        InputError: shapes that differ, masks that are not bool, a map that is not finite, a negative tolerance.

    Source: Zhang et al. 2016, Top-down neural attention by excitation backprop, section 4.

    >>> maps, masks = torch.tensor([[[0.0, 2.0, 1.0]]]), torch.tensor([[[True, False, False]]])
    >>> pointing_game(maps, masks), pointing_game(maps, masks, tolerance=1)
    (tensor([False]), tensor([True]))
    """
    require(
        maps.ndim == 3 and maps.shape == masks.shape and maps.numel() > 0,
        f"maps and masks must have one shape [batch, height, width], got {tuple(maps.shape)} and {tuple(masks.shape)}",
    )
    require(masks.dtype == torch.bool, f"masks must be bool, got {masks.dtype}")
    require(maps.isfinite().all(), "maps must be finite, got NaN or infinity")
    require(
        isinstance(tolerance, int) and tolerance >= 0,
        f"tolerance must be a whole number of pixels from 0 up, got {tolerance!r}",
    )
    highest = maps == maps.amax((1, 2), keepdim=True)
    return ~(highest & ~_widened(masks, tolerance)).flatten(1).any(1)


def pointing_accuracy(hits: Bool[Tensor, "n"], classes: Int[Tensor, "n"]) -> float:
    """The share of hits in each class, averaged over the classes that occur.

    >>> pointing_accuracy(torch.tensor([True, False, True]), torch.tensor([0, 0, 1]))
    0.75
    """
    require(
        len(hits) > 0 and hits.shape == classes.shape,
        f"hits and classes must be of one length, at least 1, got {tuple(hits.shape)} and {tuple(classes.shape)}",
    )
    present, member = torch.unique(classes, return_inverse=True)
    scored = torch.zeros(len(present), dtype=torch.float64, device=hits.device).index_add_(0, member, hits.double())
    return float((scored / member.bincount()).mean())


def _widened(masks: PixelMasks, tolerance: int) -> PixelMasks:
    """The masks and every pixel within ``tolerance`` of them."""
    if tolerance == 0:
        return masks
    steps = torch.arange(-tolerance, tolerance + 1, device=masks.device)
    disk = (steps[:, None] ** 2 + steps**2 <= tolerance**2).float()
    near = functional.conv2d(masks[:, None].float(), disk[None, None], padding=tolerance)
    return near[:, 0] > 0.5
