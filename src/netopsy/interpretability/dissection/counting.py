"""Pixels that a unit shares with each concept at one threshold: only those above it, mostly few, are looked up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.shapes import Activations
from netopsy.interpretability.dissection.enlarging import Enlarging
from netopsy.interpretability.dissection.pixels import Pixels
from netopsy.interpretability.dissection.tables import Tables

_AT_ONCE, _PIXELS_AT_ONCE = 2**14, 2**21
"""Maps, and pixels of enlarged maps, held at a time."""

Active = tuple[Int[Tensor, "pixels"], Int[Tensor, "pixels"], Int[Tensor, "pixels"]]


def active_pixels(maps: Activations, thresholds: Float[Tensor, "units"], enlarge: Enlarging) -> Iterator[Active]:
    """Every pixel above its unit's threshold once the maps are enlarged, in parts: image, unit, number of the pixel.

    Between four neighbouring positions no pixel is above the threshold unless one of the four is, so nothing else is
    enlarged. The threshold is taken off before: a mean of numbers that are not positive is not positive either, so
    rounding lifts no tied activation over the threshold.
    """
    height, width = (int(side) for side in maps.shape[2:])
    rows, columns = (patches.to(maps) for patches in enlarge.patches((height, width)))
    image, unit = (maps.amax((2, 3)) > thresholds).nonzero().T
    for images, units in zip(image.split(_AT_ONCE), unit.split(_AT_ONCE), strict=True):
        above = maps[images, units] - thresholds[units, None, None]
        # One position is its own neighbour where a grid has no other.
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
            position = there.flatten().nonzero().flatten()
            owner = some[position // area]
            number = (down_pixels * enlarge.size[1] + across_pixels).flatten()[position]
            yield images[owner], units[owner], number


def tables_at(
    thresholds: Float[Tensor, "units"], enlarge: Enlarging, maps: Activations, seen: Sequence[Pixels]
) -> Tables:
    """Tables of being above one threshold a unit, for all concepts of ``seen``, one after the other."""
    height, width = enlarge.size
    sizes = [len(one.members) for one in seen]
    counts = [torch.zeros(len(thresholds) * size, dtype=torch.int64, device=maps.device) for size in sizes]
    for image, unit, pixel in active_pixels(maps, thresholds, enlarge):
        position = image * (height * width) + pixel
        for one, size, count in zip(seen, sizes, counts, strict=True):
            count += torch.bincount(unit * size + one.code[position], minlength=len(count))
    return Tables.beside(
        [one.tables(count.unflatten(0, (-1, size))) for one, size, count in zip(seen, sizes, counts, strict=True)]
    )
