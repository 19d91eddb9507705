"""Which positions of its input a convolution sees from each place of its output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.errors import require

Pair = tuple[int, int]
Given = Float[Tensor, "batch features height width"]
Seen = Float[Tensor, "batch features rows columns"]


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution, without its weights."""

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Left, right, top, bottom, as `torch.nn.functional.pad` wants them."""
    padding_mode: str = "zeros"

    @classmethod
    def centred(cls, kernel_size: int) -> Window:
        """The window of an identity convolution: odd, centred, zero-padded, output as large as the input."""
        require(
            isinstance(kernel_size, int) and kernel_size > 0 and kernel_size % 2 == 1,
            f"kernel_size must be an odd positive int, so that a kernel has a centre, got {kernel_size!r}",
        )
        return cls(kernel=(kernel_size, kernel_size), padding=(kernel_size // 2,) * 4)

    @classmethod
    def of(cls, conv: nn.Conv2d) -> Window:
        """The window of an existing convolution."""
        rows, columns = (_sides(conv.padding, conv.kernel_size, conv.dilation, axis) for axis in (0, 1))
        return cls(_pair(conv.kernel_size), _pair(conv.stride), _pair(conv.dilation), columns + rows, conv.padding_mode)

    def sums(self, grid: Given) -> Seen:
        """The sum over each window."""
        return reduce(torch.add, self._taps(grid))

    def highest(self, grid: Given) -> Seen:
        """The highest value in each window, padding included."""
        return reduce(torch.maximum, self._taps(grid))

    def patches(self, grid: Given) -> Float[Tensor, "batch features taps rows columns"]:
        """All values in each window, one tap of the kernel after the other, row by row."""
        return torch.stack(list(self._taps(grid)), dim=2)

    def _taps(self, grid: Given) -> Iterator[Seen]:
        """For each tap of the kernel, what it sees from every output position (views)."""
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        padded = functional.pad(grid, self.padding, mode) if any(self.padding) else grid
        starts = [[tap * self.dilation[axis] for tap in range(self.kernel[axis])] for axis in (0, 1)]
        # An output position exists where the whole window fits: the last tap decides how far each tap may run.
        ends = [padded.shape[2 + axis] - starts[axis][-1] for axis in (0, 1)]
        for top in starts[0]:
            for left in starts[1]:
                yield padded[:, :, top : top + ends[0] : self.stride[0], left : left + ends[1] : self.stride[1]]


def _sides(padding: str | tuple[int, ...], kernel: tuple[int, ...], dilation: tuple[int, ...], axis: int) -> Pair:
    """How much is padded before and behind along an axis."""
    if padding == "valid":
        return 0, 0
    if padding == "same":
        total = dilation[axis] * (kernel[axis] - 1)
        return total // 2, total - total // 2
    return int(padding[axis]), int(padding[axis])


def _pair(values: tuple[int, ...]) -> Pair:
    return values[0], values[1]
