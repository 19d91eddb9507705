"""Exact upper quantiles of each unit: of its activations, part by part, or of its pixels at the size of the image."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.shapes import Activations
from netopsy.interpretability.dissection.enlarging import pixels_by_unit


class UpperQuantile:
    """Keeps of each unit only as many of its highest activations as can matter.

    Args:
        quantile: the share of activations to lie above the threshold.
        total: how many activations a unit will have been shown in the end.

    >>> seen = UpperQuantile(0.25, 8)
    >>> for part in torch.arange(8.0).split(2):
    ...     seen.add(part.reshape(2, 1, 1, 1))
    >>> seen.thresholds()
    tensor([5.])
    """

    def __init__(self, quantile: float, total: int) -> None:
        require(0 < quantile < 1, f"quantile must be above 0 and below 1, got {quantile}")
        require(total > 0, f"total must be at least 1, got {total}")
        # A little more than exactly, so that 0.005 of 1000 are 5 whatever the rounding.
        self.keep = math.floor(quantile * total * (1 + 1e-12)) + 1
        self.total, self.seen = total, 0
        self.highest: Tensor | None = None

    def add(self, maps: Activations) -> None:
        """Maps of some more images, ``[batch, units, rows, columns]``."""
        self.seen += maps[:, 0].numel()
        values = maps.transpose(0, 1).flatten(1)
        if self.highest is not None:
            require(len(values) == len(self.highest), f"maps must be of {len(self.highest)} units, got {len(values)}")
            values = torch.cat([self.highest, values], 1)
        self.highest = values.topk(min(self.keep, values.shape[1]), dim=1).values

    def thresholds(self) -> Float[Tensor, "units"]:
        """The lowest of each unit's activations that no more than the share ``quantile`` of them exceed."""
        require(self.seen == self.total, f"{self.total} activations a unit were announced, {self.seen} were shown")
        assert self.highest is not None
        return self.highest[:, -1].contiguous()


def tail_level(maps: Activations, fraction: float, size: tuple[int, int]) -> Float[Tensor, "units"]:
    """For each unit the level that ``fraction`` of its pixels exceed, at the size of the image: an exact quantile.

    >>> tail_level(torch.arange(9.0).reshape(1, 1, 3, 3), 0.25, (3, 3)).tolist()
    [6.0]
    """
    cells = len(maps) * maps.shape[2] * maps.shape[3]
    require(
        cells * fraction >= 1,
        f"z is too small for a tail of {fraction}: {len(maps)} images have {cells} cells at this layer, and at least "
        f"{math.ceil(1 / fraction)} are needed",
    )
    pixels = len(maps) * size[0] * size[1]
    position = fraction * (pixels - 1)
    above, below = math.floor(position), math.ceil(position)
    each = (values.topk(below + 1, dim=1).values[:, [above, below]] for values in pixels_by_unit(maps, size))
    high, low = torch.cat(list(each)).T
    return torch.lerp(high, low, position - above)
