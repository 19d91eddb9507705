"""Where pixels that are not a number show in a layer's grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from netopsy.core.errors import require
from netopsy.core.split import run_to


class Dirt:
    """Lines of an image made not a number, and the lines of a layer's grid that then hold one.

    Args:
        model: in double precision on the CPU, where a convolution is a plain matrix product: faster algorithms mix
            neighbours.
        image: one image, as the network takes it.
        blank: spare the arithmetic of convolutions, which is most of a network's: they give zeros, and what is not a
            number exactly where their windows meet one.
        axis: 2 for rows, 3 for columns.

    Raises:
        InputError: the layer's output is no grid, or is not a number for the image as it is.
    """

    def __init__(self, model: nn.Module, layer: str, image: Tensor, axis: int = 2, *, blank: bool = False) -> None:
        self.model, self.layer, self.image, self.axis, self.blank = model, layer, image, axis, blank
        grid = self._grid(image)
        require(grid.ndim == 4, f"layer {layer!r} gives {tuple(grid.shape)}, which is no grid: choose an earlier layer")
        require(not grid.isnan().any(), f"layer {layer!r} gives NaN for these images; check weights and images")
        self.side, self.cells = image.shape[axis], grid.shape[axis]
        self._known: dict[tuple[int, int], Bool[Tensor, "cells"]] = {}

    def shows(self, start: int, stop: int, cell: int) -> bool:
        """Whether dirt on the lines from ``start`` to before ``stop`` reaches a line of cells."""
        if (start, stop) not in self._known:
            dirty = self.image.clone()
            dirty.narrow(self.axis, start, stop - start).fill_(torch.nan)
            self._known[start, stop] = self._grid(dirty).isnan().movedim(self.axis, 0).flatten(1).any(1)
        return bool(self._known[start, stop][cell])

    def first(self, cell: int) -> int:
        """The first line that a line of cells sees, by bisection."""
        low, high = 0, self.side - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.shows(0, middle + 1, cell) else (middle + 1, high)
        return low

    def last(self, cell: int) -> int:
        """The last line that a line of cells sees."""
        low, high = 0, self.side - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.shows(middle, self.side, cell) else (low, middle - 1)
        return low

    def _grid(self, image: Tensor) -> Tensor:
        with torch.no_grad(), _BlankConvolutions() if self.blank else nullcontext():
            return run_to(self.model, self.layer, image)


class _BlankConvolutions(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        return _blank(func, *args, **given) if func in _CONVOLUTIONS else func(*args, **given)


_CONVOLUTIONS = (functional.conv2d, functional.conv_transpose2d)


def _blank(
    convolution: Callable[..., Tensor],
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    *args: Any,
    **kwargs: Any,
) -> Tensor:
    # Both kinds have the groups second next. All channels of a group see the same: one stands for them, and where the
    # groups are equally dirty, as behind a convolution of all channels, one of them does.
    options = [*args]
    groups = int(options[1]) if len(options) > 1 else int(kwargs.get("groups", 1))
    channels = weight.shape[0] if convolution is functional.conv2d else groups * weight.shape[1]
    dirty = input.unflatten(-3, (groups, -1)).sum(-3).isnan()
    if groups > 1 and bool((dirty == dirty[..., :1, :, :]).all()):
        dirty = dirty[..., :1, :, :]
    apart = dirty.shape[-3]
    if len(options) > 1:
        options[1] = apart
    elif "groups" in kwargs:
        kwargs["groups"] = apart
    window = torch.ones(apart, 1, *weight.shape[2:], device=weight.device)
    met = convolution(dirty.float(), window, None, stride, padding, *options, **kwargs) > 0.5
    clean = torch.zeros_like(met, dtype=input.dtype)
    return clean.masked_fill_(met, torch.nan).repeat_interleave(channels // apart, -3)
