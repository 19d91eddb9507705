"""Counts of pixels above many levels at once, without a loop over units, levels or concepts; and the best one.

A positive float32 read as an integer grows with the float, and its upper bits make bins that are a share of 2**-10 of
their value wide. So one shift sorts every value into a bin, whose lower edge is a float: counts above an edge are
exact, and an edge is within that share of any level one may wish for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.shapes import Activations
from netopsy.interpretability.dissection.enlarging import pixels_by_unit
from netopsy.interpretability.dissection.pixels import Pixels
from netopsy.interpretability.dissection.tables import Tables

_SHIFT = 13
"""Bits of a float32 below those that tell its bin."""
_BINS = 1 << 14
"""Bins of a unit: 16 doublings below its highest value. Everything lower, zero and negative is one bin."""
_FRACTIONS = torch.logspace(-3, 0, 100).flip(0)
"""Shares of the pixels above the level, among which the information quality ratio chooses."""
_LEAST_AREA, _LEAST_ACCURACY = 1e-3, 0.8


@dataclass(frozen=True, eq=False)
class BestEdges:
    """For each unit and concept the edge with the highest information quality ratio in the sample that chooses."""

    edge: Int[Tensor, "units concepts"]
    none: Bool[Tensor, "units concepts"]
    """Where no level was allowed."""

    @classmethod
    def chosen(cls, maps: Activations, pixels: Pixels) -> BestEdges:
        """The best of 100 edges a unit, among those at which a concept that is there agrees with the unit."""
        edges = edges_at(maps, pixels.size, _FRACTIONS.to(maps.device))
        tables = tables_above(maps, pixels, edges)
        allowed = (tables.accuracy() > _LEAST_ACCURACY) & (tables.area() >= _LEAST_AREA)
        allowed &= (tables.high > 0) & (edges >= 1)[:, :, None]
        value, which = torch.where(allowed, tables.ratio(), -1).max(1)
        return cls(edges.gather(1, which), value < 0)

    @property
    def levels(self) -> Float[Tensor, "units concepts"]:
        """Infinite where none was allowed."""
        return levels_of(self.edge).masked_fill(self.none, math.inf)

    def tables(self, maps: Activations, pixels: Pixels) -> Tables:
        """Counts at the edges, in any sample."""
        # Counting takes a unit's edges in ascending order; then each concept picks its own.
        ordered, order = self.edge.sort(1)
        counts = tables_above(maps, pixels, ordered)
        position = order.argsort(1)[:, None]
        both, high = (of.gather(1, position)[:, 0].masked_fill(self.none, 0) for of in (counts.both, counts.high))
        return Tables(both, high, counts.there, counts.pixels)


def edges_at(
    maps: Activations, size: tuple[int, int], fractions: Float[Tensor, "fractions"]
) -> Int[Tensor, "units fractions"]:
    """For each unit the lowest edges above which at most these shares of the pixels lie, as numbers of bins.

    Where a share reaches below the unit's bins (to zero and less), the edge is the lowest bin's.
    """
    found = []
    for values in pixels_by_unit(maps, size, held=_BINS):
        bins = _bin(values)
        lowest = (bins.amax(1, keepdim=True) - _BINS + 1).clamp(min=0)
        position = (bins - lowest).clamp_(min=0)
        position += _BINS * torch.arange(len(position), dtype=position.dtype, device=position.device)[:, None]
        counts = position.flatten().bincount(minlength=_BINS * len(position)).reshape(len(position), _BINS)
        above = counts.flip(1).cumsum(1)
        allowed = (fractions.double() * values.shape[1]).floor().long()
        # `above` grows with the number of bins taken from the top, so their number is a search in a sorted row.
        taken = torch.searchsorted(above, allowed.expand(len(position), -1).contiguous(), right=True)
        found.append(lowest + (_BINS - taken).clamp(min=1))
    return torch.cat(found).long()


def tables_above(maps: Activations, pixels: Pixels, edges: Int[Tensor, "units edges"]) -> Tables:
    """Tables ``[units, edges, concepts]`` of being at or above each edge; the edges of a unit in ascending order."""
    found = []
    count, kinds = edges.shape[1], len(pixels.members)
    start = 0
    for values in pixels_by_unit(maps, pixels.size, held=(count + 1) * kinds):
        own = edges[start : start + len(values)]
        start += len(values)
        # Bins between a unit's lowest and highest edge are looked up in a table: how many edges are at or below.
        lowest = own[:, :1] - 1
        span = int((own[:, -1:] - lowest).max()) + 1
        passed = torch.zeros(len(own), span, dtype=torch.int32, device=own.device)
        passed.scatter_add_(1, own - lowest, torch.ones_like(own, dtype=torch.int32))
        passed = passed.cumsum(1, dtype=torch.int32)
        passed += (count + 1) * torch.arange(len(own), dtype=torch.int32, device=own.device)[:, None]
        position = (_bin(values) - lowest.int()).clamp_(min=0).clamp_(max=span - 1)
        position += span * torch.arange(len(own), dtype=position.dtype, device=position.device)[:, None]
        key = passed.flatten()[position].mul_(kinds).add_(pixels.code.int())
        counts = key.flatten().bincount(minlength=len(own) * (count + 1) * kinds)
        # Above an edge is whatever passed that many edges or more.
        found.append(counts.reshape(len(own), count + 1, kinds).flip(1).cumsum(1).flip(1)[:, 1:])
    return pixels.tables(torch.cat(found))


def levels_of(edges: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The levels that are exceeded at an edge and above it, and nowhere else.

    >>> one = torch.tensor([127 << 10])
    >>> 1 - levels_of(one).item() < 1e-7, bool(torch.tensor(1.0) > levels_of(one))
    (True, True)
    """
    edge = (edges.int() << _SHIFT).view(torch.float32)
    return torch.nextafter(edge, torch.zeros(()))


def _bin(values: Float[Tensor, "units pixels"]) -> Int[Tensor, "units pixels"]:
    """Monotone for positive values; below 1 for the others."""
    return values.view(torch.int32) >> _SHIFT
