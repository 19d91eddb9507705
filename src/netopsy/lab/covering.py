"""Covering the pixels of an image where a map is highest, without bringing in a foreign colour."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor

from netopsy.core.seeds import generator
from netopsy.core.shapes import Images, Maps

COVERED = 0.2
"""Share of the pixels that are covered."""


def covered(images: Images, maps: Maps) -> Images:
    """The images with the mean of uncovered neighbours where their map is highest: no foreign colour comes in."""
    count = max(1, round(COVERED * maps[0].numel()))
    # Equal values (a constant map, a flat background) are covered in random order, not from the first pixel on.
    noise = torch.rand(maps.shape, generator=generator(0)).to(maps.device)
    order = maps.flatten(1) + 1e-6 * noise.flatten(1)
    mask = torch.zeros_like(order, dtype=torch.bool).scatter(1, order.topk(count).indices, True).view_as(maps)[:, None]
    return torch.where(mask, from_neighbours(images, mask), images)


def from_neighbours(images: Images, mask: Bool[Tensor, "batch 1 height width"]) -> Images:
    """For every pixel the mean of the unmasked ones within a quarter of the side, or of all such in the image."""
    kept = (~mask).double()
    near, count = _window_sums(images * kept), _window_sums(kept)
    whole = (images * kept).sum((2, 3), keepdim=True) / kept.sum((2, 3), keepdim=True).clamp_min(1)
    return torch.where(count > 0.5, near / count.clamp_min(1), whole).to(images)


def _window_sums(values: Tensor) -> Tensor:
    """Sums over windows that reach a quarter of the side each way, from running sums: their size costs nothing."""
    for axis in (2, 3):
        side = values.shape[axis]
        reach = max(1, side // 4)
        padding = (0, 0, reach + 1, reach) if axis == 2 else (reach + 1, reach)
        running = F.pad(values, padding).cumsum(axis)
        values = running.narrow(axis, 2 * reach + 1, side) - running.narrow(axis, 0, side)
    return values
