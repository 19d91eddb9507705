"""The parts of images that single cells of a layer see, cut out so that the network gives the same cell for each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.shapes import Images
from netopsy.interpretability.receptive_field import ReceptiveField

Cells = Int[Tensor, "cells"]

_WORTHWHILE = 0.5
"""Windows larger than this share of the image save too little."""


@dataclass(frozen=True)
class Windows:
    """Windows of one size that hold a cell's receptive field and begin where some cell's field does.

    A window never reaches beyond the image, so a cell near the border is padded in its window as it is in the image.
    """

    lead: tuple[int, int]
    """Cells before the one wanted, so that its own field begins inside the window."""
    size: tuple[int, int]
    stride: tuple[int, int]

    @classmethod
    def of(cls, field: ReceptiveField, images: Images) -> Windows | None:
        """The windows for a layer's receptive fields, ``None`` where they are about as large as the images.

        >>> Windows.of(ReceptiveField((5, 5), (2, 2), (-2, -2), (32, 32)), torch.zeros(1, 1, 32, 32))
        Windows(lead=(1, 1), size=(6, 6), stride=(2, 2))
        """
        leads, sizes = [], []
        for size, stride, offset, extent in zip(field.size, field.stride, field.offset, images.shape[2:], strict=True):
            lead = max(0, math.ceil(-offset / stride))
            length = lead * stride + offset + size
            # What is left over must be whole strides: windows may then end where the image does.
            length += (extent - length) % stride
            leads.append(lead)
            sizes.append(min(length, extent))
        if sizes[0] * sizes[1] > _WORTHWHILE * images.shape[2] * images.shape[3]:
            return None
        return cls((leads[0], leads[1]), (sizes[0], sizes[1]), (field.stride[0], field.stride[1]))

    def around(
        self, images: Images, numbers: Cells, rows: Cells, columns: Cells
    ) -> tuple[Float[Tensor, "cells channels y x"], Int[Tensor, "cells 2"], tuple[Cells, Cells]]:
        """Of each image named the window around a cell, its first row and column, and the cell's position in it."""
        starts, here, lines = [], [], []
        for axis, cells in enumerate((rows, columns)):
            last = images.shape[2 + axis] - self.size[axis]
            start = (self.stride[axis] * (cells - self.lead[axis])).clamp(0, last)
            starts.append(start)
            here.append(cells - start // self.stride[axis])
            lines.append((start[:, None] + torch.arange(self.size[axis])).to(images.device))
        each = numbers.to(images.device)[:, None, None]
        # Indexed axes come before the channels that are sliced.
        cut = images[each, :, lines[0][:, :, None], lines[1][:, None]].permute(0, 3, 1, 2)
        return cut, torch.stack(starts, 1), (here[0], here[1])
