"""Pixels that a unit's mask shares with each concept: the products of two matrices of zeros and ones.

One of the two is nearly empty, since a unit is above its threshold in few places: only those are looked up.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.shapes import Activations
from netopsy.interpretability.visualization.enlarging import Enlarging

_AT_ONCE = 2**22
"""Pixels of enlarged maps held at a time."""

Labels = Int[Tensor, "batch height width"]


def active_pixels(
    maps: Activations, thresholds: Float[Tensor, "units"], enlarge: Enlarging
) -> list[tuple[Int[Tensor, "pixels"], Int[Tensor, "pixels"], Int[Tensor, "pixels"]]]:
    """Every pixel above its unit's threshold once the maps are enlarged, in parts: image, unit, number of the pixel.

    The threshold is taken off before the maps are enlarged: a mean of numbers that are not positive is not positive
    either, so rounding lifts no tied activation over the threshold.
    """
    above = maps - thresholds[:, None, None]
    image, unit = (above.amax((2, 3)) > 0).nonzero().T
    height, width = enlarge.size
    some = max(1, _AT_ONCE // (height * width))
    parts = []
    for images, units in zip(image.split(some), unit.split(some), strict=True):
        pair, pixel = (enlarge(above[images, units]) > 0).flatten(1).nonzero().T
        parts.append((images[pair], units[pair], pixel))
    return parts


def count(
    maps: Activations, thresholds: Float[Tensor, "units"], enlarge: Enlarging, labels: list[Labels], sizes: list[int]
) -> tuple[Int[Tensor, "units concepts"], Int[Tensor, "units categories"]]:
    """Pixels that unit and concept share; and those of the unit in images annotated in each category.

    Args:
        labels: of each category, -1 where there is none.
        sizes: how many concepts each category has.
    """
    units = len(thresholds)
    shared = [torch.zeros(units * size, dtype=torch.int64, device=maps.device) for size in sizes]
    own = torch.zeros(len(sizes), units, dtype=torch.int64, device=maps.device)
    flat = [each.flatten(1) for each in labels]
    annotated = [(each >= 0).any(1) for each in flat]
    for image, unit, pixel in active_pixels(maps, thresholds, enlarge):
        for category, size in enumerate(sizes):
            concept = flat[category][image, pixel].long()
            hit = concept >= 0
            shared[category] += torch.bincount((unit * size + concept)[hit], minlength=units * size)
            own[category] += torch.bincount(unit[annotated[category][image]], minlength=units)
    return torch.cat([each.reshape(units, -1) for each in shared], 1), own.T
