"""What a network of piecewise-linear layers does, one operation a layer, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Affine:
    """A dense layer, a convolution, a mean over windows, or a scale and a shift: ``apply(values, weight) + bias``.

    ``apply`` is linear in both arguments, so ``apply(radius, |weight|)`` is how far its outputs can move.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    weight: Tensor
    bias: Tensor
    terms: int
    """How many products an output number is the sum of."""
    size: Tensor
    """What the bias is made of, in absolute value: where it is a difference, rounding may be larger than the bias."""

    def __call__(self, values: Tensor) -> Tensor:
        return self.apply(values, self.weight) + self.bias

    def reach(self, radius: Tensor) -> Tensor:
        """How far outputs move at most where inputs move by ``radius``."""
        return self.apply(radius, self.weight.abs())

    def linear(self, values: Tensor) -> Tensor:
        """Without the bias."""
        return self.apply(values, self.weight)

    def back(self, rows: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Coefficients of outputs ``[n, *outputs]`` as coefficients of inputs ``[n, *shape]``."""
        start = torch.zeros(len(rows), *shape, dtype=rows.dtype, device=rows.device).requires_grad_()
        with torch.enable_grad():
            (found,) = torch.autograd.grad(self.linear(start), start, rows)
        return found


@dataclass(frozen=True)
class Relu:
    """The positive part."""

    def __call__(self, values: Tensor) -> Tensor:
        return values.relu()


@dataclass(frozen=True)
class Reshape:
    """The same numbers in another shape."""

    shape: tuple[int, ...]

    def __call__(self, values: Tensor) -> Tensor:
        return values.reshape(len(values), *self.shape)


@dataclass(frozen=True)
class Add:
    """The sum of two branches."""

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        return first + second


@dataclass(frozen=True)
class MaxPool:
    """The largest number of each window."""

    options: tuple[tuple[str, Any], ...]
    """As `torch.nn.functional.max_pool2d` takes them."""

    def __call__(self, values: Tensor) -> Tensor:
        return F.max_pool2d(values, **dict(self.options))

    def largest(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The largest numbers and where they are, as places of the flattened grid of their channel."""
        return F.max_pool2d_with_indices(values, **dict(self.options))

    def members(self, shape: tuple[int, ...]) -> Tensor:
        """For each output of an input of ``shape``, the flat places of its window, ``[outputs, most]``; -1 for none."""
        channels, height, width = shape
        options = {name: _pair(value) for name, value in self.options if name != "ceil_mode"}
        down, across = self(torch.zeros(1, *shape)).shape[-2:]
        axes = []
        for axis, (length, count) in enumerate(((height, down), (width, across))):
            kernel, stride, padding, dilation = (
                options[name][axis] for name in ("kernel_size", "stride", "padding", "dilation")
            )
            place = torch.arange(count)[:, None] * stride - padding + torch.arange(kernel) * dilation
            axes.append(torch.where((place >= 0) & (place < length), place, -1))
        rows, columns = axes[0][:, None, :, None], axes[1][None, :, None, :]
        places = torch.where((rows >= 0) & (columns >= 0), rows * width + columns, -1).reshape(down * across, -1)
        offsets = torch.arange(channels).reshape(-1, 1, 1) * height * width
        return torch.where(places >= 0, places + offsets, -1).flatten(0, 1)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


Operation = Affine | Relu | Reshape | Add | MaxPool
