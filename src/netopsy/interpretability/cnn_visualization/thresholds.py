"""The exact upper quantile of each unit's activations over a data set, from one pass over parts of it."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.shapes import Activations


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
