"""A layer's maps enlarged to the size of the image, each value put where its receptive field has its centre."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.shapes import Maps

Pair = tuple[float, float]


@dataclass(frozen=True)
class Enlarging:
    """How to bring maps to ``size``: bilinear between the centres, constant beyond the outermost."""

    size: tuple[int, int]
    """Height and width of the image, pixels."""
    first: Pair
    """Row and column of the centre of the first receptive field, pixels from the centre of the first pixel."""
    stride: Pair
    """Pixels from one centre to the next."""

    @classmethod
    def evenly(cls, size: tuple[int, int], grid: tuple[int, int]) -> Enlarging:
        """As if the places of the grid were equal parts of the image."""
        (height, width), (rows, columns) = size, grid
        stride = height / rows, width / columns
        return cls(size, (stride[0] / 2 - 0.5, stride[1] / 2 - 0.5), stride)

    def __call__(self, maps: Maps) -> Float[Tensor, "batch rows columns"]:
        """``[batch, rows, columns]`` to ``[batch, height, width]``. No value is above the highest around it.

        >>> Enlarging.evenly((1, 4), (1, 2))(torch.tensor([[[0.0, 1.0]]]))
        tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
        """
        down, across = (
            _weights(side, places, first, stride).to(maps)
            for side, places, first, stride in zip(self.size, maps.shape[1:], self.first, self.stride, strict=True)
        )
        return down @ maps @ across.T


def _weights(side: int, places: int, first: float, stride: float) -> Float[Tensor, "side places"]:
    """The share of each place in each pixel: two neighbours at most, never negative."""
    place = ((torch.arange(side, dtype=torch.float64) - first) / stride).clamp(0, places - 1)
    return (1 - (place[:, None] - torch.arange(places)).abs()).clamp(min=0)
