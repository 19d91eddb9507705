"""Two by two tables of pixels, unit high or not against concept there or not, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Tables:
    """Exact counts of pixels; all four have shapes that broadcast against one another."""

    both: Int[Tensor, "*shape"]
    """Unit high and concept there."""
    high: Int[Tensor, "*shape"]
    there: Int[Tensor, "*_"]
    pixels: Int[Tensor, "*_"]
    """All pixels that count."""

    def __add__(self, other: Tables) -> Tables:
        """The counts of both samples together."""
        return Tables(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @classmethod
    def beside(cls, parts: Sequence[Tables]) -> Tables:
        """Tables of the same units and sample with all the parts' concepts, one part's after the other's."""
        return cls(*(torch.cat([getattr(part, one.name) for part in parts], -1) for one in fields(cls)))

    def iou(self) -> Float[Tensor, "*shape"]:
        """Intersection over union; 0 where both are empty."""
        union = self.high + self.there - self.both
        return self.both.double() / union.clamp(min=1)

    def ratio(self) -> Float[Tensor, "*shape"]:
        """Information quality ratio: mutual information over joint entropy, from 0 to 1; 0 where nothing varies.

        >>> table = Tables(*(torch.tensor(count) for count in (100, 150, 200, 1000)))
        >>> round(table.ratio().item(), 6), table.iou().item()
        (0.11748, 0.4)
        """
        total = self.pixels.clamp(min=1).double()
        both, high, there = self.both / total, self.high / total, self.there / total
        joint = _entropy(both, high - both, there - both, 1 - high - there + both)
        shared = _entropy(high, 1 - high) + _entropy(there, 1 - there) - joint
        return torch.where(joint > 0, shared / torch.where(joint > 0, joint, 1), 0).clamp(0, 1)

    def accuracy(self) -> Float[Tensor, "*shape"]:
        """The share of pixels where unit and concept agree."""
        return (self.pixels - self.high - self.there + 2 * self.both) / self.pixels.clamp(min=1).double()

    def area(self) -> Float[Tensor, "*_"]:
        """The share of pixels where the concept is."""
        return self.there / self.pixels.clamp(min=1).double()


def _entropy(*shares: Float[Tensor, "*_"]) -> Float[Tensor, "*_"]:
    """In nats. Shares that rounding made negative count as 0."""
    return -sum((torch.xlogy(share.clamp(min=0), share.clamp(min=0)) for share in shares), torch.zeros(()).double())
