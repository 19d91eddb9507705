"""The smallest of many numbers without sorting them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Shaped
from torch import Tensor

_HALF = {torch.float32: (torch.int32, 16), torch.float64: (torch.int64, 48)}
"""Types whose upper 16 bits are counted, as integers, and how far these are shifted."""


def smallest(values: Shaped[Tensor, "size"], count: int) -> Bool[Tensor, "size"]:
    """A mask of exactly ``count`` smallest values, of equal ones the first.

    >>> smallest(torch.tensor([2.0, 1.0, 1.0, 1.0]), 2).tolist()
    [False, True, True, False]
    """
    if count <= 0:
        return torch.zeros_like(values, dtype=torch.bool)
    threshold = smallest_value(values, count)
    chosen = values < threshold
    missing = count - int(chosen.count_nonzero())
    ties = (values == threshold).nonzero().flatten()[:missing]
    chosen[ties] = True
    return chosen


def smallest_value(values: Shaped[Tensor, "size"], count: int) -> Tensor:
    """The value that is number ``count`` in ascending order.

    On the CPU the values are first counted by the upper half of their bits, in whose order floats that are not
    negative stand, too; then only those that share the half of the value looked for are compared.
    """
    if values.device.type != "cpu" or values.dtype not in _HALF or bool((values < 0).any()):
        return values.kthvalue(count).values
    integer, shift = _HALF[values.dtype]
    halves = (values + 0.0).view(integer) >> shift  # adding makes -0 a plain 0
    upto = torch.bincount(halves).cumsum(0)
    half = int(torch.searchsorted(upto, count))
    before = int(upto[half - 1]) if half else 0
    return values[halves == half].kthvalue(count - before).values
