"""Pixels that a unit's mask shares with each concept: the products of two matrices of zeros and ones.

One of the two is nearly empty, since a unit is above its threshold in few places: only those are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.shapes import Activations
from netopsy.interpretability.cnn_visualization.enlarging import Enlarging

_AT_ONCE, _PIXELS_AT_ONCE = 2**14, 2**21
"""Maps, and pixels of enlarged maps, held at a time."""

Pixels = tuple[Int[Tensor, "pixels"], Int[Tensor, "pixels"], Int[Tensor, "pixels"]]
Labels = Int[Tensor, "batch height width"]


def active_pixels(maps: Activations, thresholds: Float[Tensor, "units"], enlarge: Enlarging) -> Iterator[Pixels]:
    """Every pixel above its unit's threshold once the maps are enlarged, in parts: image, unit, number of the pixel.

    Between four neighbouring places no pixel is above the threshold unless one of the four is, so nothing else is
    enlarged. The threshold is taken off before: a mean of numbers that are not positive is not positive either, so
    rounding lifts no tied activation over the threshold.
    """
    height, width = (int(side) for side in maps.shape[2:])
    rows, columns = (patches.to(maps) for patches in enlarge.patches((height, width)))
    image, unit = (maps.amax((2, 3)) > thresholds).nonzero().T
    for images, units in zip(image.split(_AT_ONCE), unit.split(_AT_ONCE), strict=True):
        above = maps[images, units] - thresholds[units, None, None]
        # One place is its own neighbour where a grid has no other.
        above = above.expand(-1, max(2, height), max(2, width))
        corners = torch.stack([above[:, :-1, :-1], above[:, :-1, 1:], above[:, 1:, :-1], above[:, 1:, 1:]], -1)
        pair, row, column = (corners.amax(-1) > 0).nonzero().T
        area = rows.pixels.shape[1] * columns.pixels.shape[1]
        step = max(1, _PIXELS_AT_ONCE // area)
        for some, y, x in zip(pair.split(step), row.split(step), column.split(step), strict=True):
            four = corners[some, y, x][:, None, None]
            down, across = rows.share[y][:, :, None], columns.share[x][:, None]
            upper = (1 - across) * four[..., 0] + across * four[..., 1]
            lower = (1 - across) * four[..., 2] + across * four[..., 3]
            down_pixels, across_pixels = rows.pixels[y][:, :, None], columns.pixels[x][:, None]
            there = ((1 - down) * upper + down * lower > 0) & (down_pixels >= 0) & (across_pixels >= 0)
            place = there.flatten().nonzero().flatten()
            owner = some[place // area]
            number = (down_pixels * enlarge.size[1] + across_pixels).flatten()[place]
            yield images[owner], units[owner], number


def count(
    maps: Activations, thresholds: Float[Tensor, "units"], enlarge: Enlarging, labels: list[Labels], sizes: list[int]
) -> tuple[Int[Tensor, "units concepts"], Int[Tensor, "units categories"]]:
    """Pixels that unit and concept share; and those of the unit in images annotated in each category.

    Args:
        labels: of each category, -1 where there is none.
        sizes: how many concepts each category has.
    """
    units, device = len(thresholds), maps.device
    # Two more columns: pixels of images that are not annotated, and pixels without a concept.
    found = [torch.zeros(units * (size + 2), dtype=torch.int64, device=device) for size in sizes]
    flat = [each.flatten(1) for each in labels]
    annotated = [(each.amax(1) >= 0).long() for each in flat]
    for image, unit, pixel in active_pixels(maps, thresholds, enlarge):
        for category, size in enumerate(sizes):
            column = flat[category][image, pixel].long() + 1 + annotated[category][image]
            found[category] += torch.bincount(unit * (size + 2) + column, minlength=len(found[category]))
    tables = [each.reshape(units, -1) for each in found]
    own = torch.stack([table[:, 1:].sum(1) for table in tables], 1)
    return torch.cat([table[:, 2:] for table in tables], 1), own
