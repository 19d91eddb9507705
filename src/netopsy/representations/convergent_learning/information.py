"""Mutual information of units, for what correlation does not see."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import require

ZERO = 1e-6
"""Activations no further from 0 are the bin of zeros."""
_ROWS = 4096


@checked
def mutual_information_matrix(
    x: Float[Tensor, "samples units"], y: Float[Tensor, "samples others"], bins: int = 10, *, correct: bool = True
) -> Float[Tensor, "units others"]:
    """Mutual information, in nats, of every unit with every other one, from two-dimensional histograms.

    Li et al. 2016, section 3.2: on each axis one bin for zeros and ``bins`` quantile bins for the rest.

    Args:
        correct: subtract the bias ``(I - 1)(J - 1) / 2N`` of I and J bins that are ever occupied (Miller 1955), and
            cut off at 0.

    Raises:
        InputError: other numbers of samples, no sample, fewer than 1 bin, or values that are not finite.

    >>> x = torch.arange(400)[:, None] % 5 * 1.0
    >>> round(mutual_information_matrix(x, x, bins=4, correct=False).item(), 4)  # ln 5
    1.6094
    """
    require(len(x) == len(y) > 0, f"x and y must be of the same samples, got {len(x)} and {len(y)}")
    require(isinstance(bins, int) and bins >= 1, f"bins must be a positive whole number, got {bins!r}")
    check_finite(x, "x")
    check_finite(y, "y")
    first, second = (_codes(each.detach().double(), bins) for each in (x, y))
    width = bins + 1
    joint = torch.zeros(x.shape[1] * width, y.shape[1] * width, dtype=torch.float64)
    for some in torch.arange(len(x)).split(_ROWS):
        a, b = (_one_hot(codes[some], width) for codes in (first, second))
        joint += (a.T @ b).double()
    table = joint.reshape(x.shape[1], width, y.shape[1], width).permute(0, 2, 1, 3) / len(x)
    rows, columns = table.sum(3, keepdim=True), table.sum(2, keepdim=True)
    found = torch.where(table > 0, table * (table / (rows * columns)).log(), 0.0).nan_to_num(0.0).sum((2, 3))
    if correct:
        occupied = (rows[:, :1] > 0).sum((2, 3)), (columns[:1] > 0).sum((2, 3))
        found = (found - (occupied[0] - 1) * (occupied[1] - 1) / (2 * len(x))).clamp(min=0)
    return found.to(torch.promote_types(x.dtype, y.dtype))


def _codes(values: Float[Tensor, "samples units"], bins: int) -> Int[Tensor, "samples units"]:
    """Bin 0 for zeros, and as many of the rest in each of the others as ties allow."""
    codes = torch.zeros(values.shape, dtype=torch.int64)
    for unit, column in enumerate(values.T):
        other = column.abs() > ZERO
        if other.any():
            edges = column[other].quantile(torch.linspace(0, 1, bins + 1, dtype=values.dtype)[1:-1])
            codes[other, unit] = 1 + torch.bucketize(column[other], edges)
    return codes


def _one_hot(codes: Int[Tensor, "samples units"], width: int) -> Float[Tensor, "samples entries"]:
    return torch.nn.functional.one_hot(codes, width).flatten(1).float()
