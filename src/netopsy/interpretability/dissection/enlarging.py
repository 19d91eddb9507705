"""A layer's maps enlarged to the size of the image, each value put where its receptive field has its centre."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.shapes import Activations, Maps
from netopsy.interpretability.maps import bilinear
from netopsy.interpretability.receptive_field import ReceptiveField

Pair = tuple[float, float]
_VALUES = 1 << 22
"""Values held at a time."""


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
        """As if the positions of the grid were equal parts of the image."""
        (height, width), (rows, columns) = size, grid
        stride = height / rows, width / columns
        return cls(size, (stride[0] / 2 - 0.5, stride[1] / 2 - 0.5), stride)

    @classmethod
    def on_centres(cls, field: ReceptiveField, grid: tuple[int, int]) -> Enlarging:
        """Aligned on the centres of receptive fields; evenly where those are not spread over the image.

        >>> Enlarging.on_centres(ReceptiveField((3, 3), (2, 2), (-1, -1), (8, 8)), (4, 4)).first
        (0.0, 0.0)
        """
        even, sides = cls.evenly(field.image, grid), zip(field.offset, field.size, field.stride, strict=True)
        first = [offset + (size - 1) / 2 for offset, size, _ in sides]
        ends = zip(first, field.stride, grid, field.image, strict=True)
        inside = all(
            -stride <= one and one + stride * (positions - 1) <= side - 1 + stride
            for one, stride, positions, side in ends
        )
        stride = float(field.stride[0]), float(field.stride[1])
        return cls(field.image, (first[0], first[1]), stride) if inside else even

    def __call__(self, maps: Maps) -> Float[Tensor, "batch rows columns"]:
        """``[batch, rows, columns]`` to ``[batch, height, width]``. No value is above the highest around it.

        >>> Enlarging.evenly((1, 4), (1, 2))(torch.tensor([[[0.0, 1.0]]]))
        tensor([[[0.0000, 0.2500, 0.7500, 1.0000]]])
        """
        down, across = (
            _weights(side, positions, first, stride).to(maps)
            for side, positions, first, stride in zip(self.size, maps.shape[1:], self.first, self.stride, strict=True)
        )
        return down @ maps @ across.T

    def patches(self, grid: tuple[int, int]) -> tuple[Patches, Patches]:
        """The image cut along the centres, rows and columns: what lies between two depends on these two alone."""
        one, other = (_patches(*axis) for axis in zip(self.size, grid, self.first, self.stride, strict=True))
        return one, other


@dataclass(frozen=True, eq=False)
class Patches:
    """Rows (or columns) of pixels between neighbouring positions of a grid; padded to the longest patch."""

    pixels: Int[Tensor, "patches longest"]
    """Their numbers, -1 where there is none."""
    share: Float[Tensor, "patches longest"]
    """The part of the later position in each; the rest is the earlier one's."""

    def to(self, like: Tensor) -> Patches:
        """On another tensor's device, and of its type."""
        return Patches(self.pixels.to(like.device), self.share.to(like))


def pixels_by_unit(maps: Activations, size: tuple[int, int], held: int = 1) -> Iterator[Float[Tensor, "units pixels"]]:
    """All pixels, evenly enlarged, of as many units at a time as fit; ``held``: other values that a unit needs."""
    pixels = len(maps) * size[0] * size[1]
    for some in maps.float().split(max(1, _VALUES // max(pixels, held)), dim=1):
        yield bilinear(some, size).transpose(0, 1).flatten(1).contiguous()


def _positions(side: int, positions: int, first: float, stride: float) -> Float[Tensor, "side"]:
    """Where in the grid each pixel lies."""
    return ((torch.arange(side, dtype=torch.float64) - first) / stride).clamp(0, positions - 1)


def _weights(side: int, positions: int, first: float, stride: float) -> Float[Tensor, "side positions"]:
    """The share of each position in each pixel: two neighbours at most, never negative."""
    return (1 - (_positions(side, positions, first, stride)[:, None] - torch.arange(positions)).abs()).clamp(min=0)


def _patches(side: int, positions: int, first: float, stride: float) -> Patches:
    position = _positions(side, positions, first, stride)
    count = max(1, positions - 1)
    patch = position.long().clamp(max=count - 1)
    lengths = torch.bincount(patch, minlength=count)
    along = torch.arange(int(lengths.max()))
    pixels = (lengths.cumsum(0) - lengths)[:, None] + along
    there = along < lengths[:, None]
    share = (position[pixels.clamp(max=side - 1)] - torch.arange(count)[:, None]).where(there, 0.0)
    return Patches(pixels.where(there, -1), share)
