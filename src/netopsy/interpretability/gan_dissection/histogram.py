"""Counts of pixels above many levels at once, without a loop over units, levels or classes.

A positive float32 read as an integer grows with the float, and its upper bits make bins that are a share of 2**-10 of
their value wide. So one shift sorts every value into a bin, whose lower edge is a float: counts above an edge are
exact, and an edge is within that share of any level one may wish for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.shapes import Activations
from netopsy.interpretability.gan_dissection.tables import Tables
from netopsy.interpretability.unit_masks import upsampled

_SHIFT = 13
"""Bits of a float32 below those that tell its bin."""
_BINS = 1 << 14
"""Bins of a unit: 16 doublings below its highest value. Everything lower, zero and negative is one bin."""
_VALUES = 1 << 22
"""Values held at a time."""
_PACKED = 62


@dataclass(frozen=True, eq=False)
class Pixels:
    """Every pixel by the combination of classes it belongs to, and what each combination means."""

    code: Int[Tensor, "pixels"]
    members: Int[Tensor, "combinations classes"]
    """1 where the combination has the class."""
    counting: Int[Tensor, "combinations classes"]
    """1 where pixels of the combination count for the class."""
    size: tuple[int, int]

    @property
    def totals(self) -> tuple[Int[Tensor, "classes"], Int[Tensor, "classes"]]:
        """Pixels of each class, and pixels that count for it."""
        sizes = self.code.bincount(minlength=len(self.members))
        return sizes @ (self.members * self.counting), sizes @ self.counting


def pixels_of(
    masks: Bool[Tensor, "n classes height width"], counted: Bool[Tensor, "n classes"] | None = None
) -> Pixels:
    """Number the combinations of classes that occur: few, even where a pixel may belong to several."""
    height, width = masks.shape[2:]
    flags = masks if counted is None else torch.cat([masks, counted[:, :, None, None].expand_as(masks)], 1)
    code = torch.zeros(len(masks) * height * width, dtype=torch.long, device=masks.device)
    for some in flags.split(_PACKED, dim=1):
        packed = torch.zeros_like(code)
        for bit in range(some.shape[1]):
            packed |= some[:, bit].flatten().long() << bit
        first, second = code.unique(return_inverse=True)[1], packed.unique(return_inverse=True)[1]
        code = first * (int(second.max()) + 1) + second
    code = code.unique(return_inverse=True)[1]
    place = torch.empty(int(code.max()) + 1, dtype=torch.long, device=code.device)
    place[code] = torch.arange(len(code), device=code.device)
    members = flags.permute(0, 2, 3, 1).flatten(0, 2)[place].long()
    if counted is None:
        return Pixels(code, members, torch.ones_like(members), (height, width))
    classes = masks.shape[1]
    return Pixels(code, members[:, :classes], members[:, classes:], (height, width))


def edges_at(
    maps: Activations, size: tuple[int, int], fractions: Float[Tensor, "fractions"]
) -> Int[Tensor, "units fractions"]:
    """For each unit the lowest edges above which at most these shares of the pixels lie, as numbers of bins.

    Where a share reaches below the unit's bins (to zero and less), the edge is the lowest bin's.
    """
    found = []
    for values in _by_unit(maps, size):
        bins = _bin(values)
        lowest = (bins.amax(1, keepdim=True) - _BINS + 1).clamp(min=0)
        place = (bins - lowest).clamp_(min=0)
        place += _BINS * torch.arange(len(place), dtype=place.dtype, device=place.device)[:, None]
        counts = place.flatten().bincount(minlength=_BINS * len(place)).reshape(len(place), _BINS)
        above = counts.flip(1).cumsum(1)
        allowed = (fractions.double() * values.shape[1]).floor().long()
        # `above` grows with the number of bins taken from the top, so their number is a search in a sorted row.
        taken = torch.searchsorted(above, allowed.expand(len(place), -1).contiguous(), right=True)
        found.append(lowest + (_BINS - taken).clamp(min=1))
    return torch.cat(found).long()


def tables_above(maps: Activations, pixels: Pixels, edges: Int[Tensor, "units edges"]) -> Tables:
    """Tables ``[units, edges, classes]`` of being at or above each edge; the edges of a unit in ascending order."""
    both, high = [], []
    count, kinds = edges.shape[1], len(pixels.members)
    start = 0
    for values in _by_unit(maps, pixels.size, held=(count + 1) * kinds):
        own = edges[start : start + len(values)]
        start += len(values)
        # Bins between a unit's lowest and highest edge are looked up in a table: how many edges are at or below.
        lowest = own[:, :1] - 1
        span = int((own[:, -1:] - lowest).max()) + 1
        passed = torch.zeros(len(own), span, dtype=torch.int32, device=own.device)
        passed.scatter_add_(1, own - lowest, torch.ones_like(own, dtype=torch.int32))
        passed = passed.cumsum(1, dtype=torch.int32)
        passed += (count + 1) * torch.arange(len(own), dtype=torch.int32, device=own.device)[:, None]
        place = (_bin(values) - lowest.int()).clamp_(min=0).clamp_(max=span - 1)
        place += span * torch.arange(len(own), dtype=place.dtype, device=place.device)[:, None]
        key = passed.flatten()[place].mul_(kinds).add_(pixels.code.int())
        counts = key.flatten().bincount(minlength=len(own) * (count + 1) * kinds)
        # Above an edge is whatever passed that many edges or more.
        above = counts.reshape(len(own), count + 1, kinds).flip(1).cumsum(1).flip(1)[:, 1:]
        both.append(above @ (pixels.members * pixels.counting))
        high.append(above @ pixels.counting)
    there, all_of_them = pixels.totals
    return Tables(torch.cat(both), torch.cat(high), there, all_of_them)


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


def _by_unit(maps: Activations, size: tuple[int, int], held: int = _BINS) -> Iterator[Float[Tensor, "units pixels"]]:
    """All pixels of some units at a time, upsampled, as many units as fit."""
    pixels = len(maps) * size[0] * size[1]
    for some in maps.float().split(max(1, _VALUES // max(pixels, held)), dim=1):
        yield upsampled(some, size).transpose(0, 1).flatten(1).contiguous()
