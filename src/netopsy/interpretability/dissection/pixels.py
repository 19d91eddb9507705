"""What there is to see at each pixel, as one number a pixel: the combination of concepts that it belongs to.

Units are counted against combinations, which are few, and two small matrix products turn those counts into counts
against every concept.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from netopsy.interpretability.dissection.tables import Tables

_PACKED = 62
"""Flags packed into one int64."""
_SMALL = 2**15 - 2


@dataclass(frozen=True, eq=False)
class Pixels:
    """Every pixel by the combination of concepts it belongs to, and what each combination means."""

    code: Int[Tensor, "pixels"]
    members: Int[Tensor, "combinations concepts"]
    """1 where the combination has the concept, and counts for it."""
    counting: Int[Tensor, "combinations concepts"]
    """1 where pixels of the combination count for the concept."""
    size: tuple[int, int]

    def tables(self, counts: Int[Tensor, "*units combinations"]) -> Tables:
        """Tables of units that are high in so many pixels of each combination."""
        # Double precision is exact up to 2**53 pixels, and its products are much faster than those of integers.
        members, counting = self.members.double(), self.counting.double()
        sizes = self.code.bincount(minlength=len(members)).double()
        return Tables(*(one.long() for high in (counts.double(), sizes) for one in (high @ members, high @ counting)))


def pixels_of(
    masks: Bool[Tensor, "n concepts height width"], counted: Bool[Tensor, "n concepts"] | None = None
) -> Pixels:
    """Pixels that may belong to several concepts; ``counted``: which images count for which concept."""
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
    position = torch.empty(int(code.max()) + 1, dtype=torch.long, device=code.device)
    position[code] = torch.arange(len(code), device=code.device)
    found = flags.permute(0, 2, 3, 1).flatten(0, 2)[position].long()
    members, counting = (found, torch.ones_like(found)) if counted is None else found.tensor_split(2, dim=1)
    return Pixels(code, members * counting, counting, (int(height), int(width)))


def labelled_pixels(labels: Int[Tensor, "n height width"], concepts: int) -> Pixels:
    """Pixels of one concept each, -1 for none; an image of nothing but -1 is not annotated and does not count."""
    # Small numbers, since they are looked up all over the images.
    flat = labels.flatten(1).to(torch.int16 if concepts < _SMALL else torch.int64)
    # Combination 0: not annotated, 1: no concept, then the concepts.
    code = flat + 1 + (flat.amax(1, keepdim=True) >= 0)
    members = torch.eye(concepts + 2, dtype=torch.long, device=labels.device)[:, 2:]
    counting = torch.ones_like(members)
    counting[0] = 0
    return Pixels(code.flatten(), members, counting, (int(labels.shape[1]), int(labels.shape[2])))
