"""Ranks at a relative tolerance, of matrices that are never held as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite, check_tensor
from netopsy.core.errors import require

DOUBLE, SINGLE = 1e-10, 1e-5
"""Tolerances that rounding leaves room for, in each precision."""


@checked
def effective_rank(matrix: Float[Tensor, "rows columns"], rtol: float | int = 1e-10) -> int:
    """How many singular values exceed ``rtol`` times the largest one, computed in double precision.

    Raises:
        InputError: no matrix, NaN or infinite entries, or a tolerance outside [0, 1).

    >>> effective_rank(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    1
    """
    check_tensor(matrix, "matrix")
    require(matrix.ndim == 2 and matrix.numel() > 0, f"matrix must have two axes, got shape {tuple(matrix.shape)}")
    check_finite(matrix, "matrix")
    return count_above(torch.linalg.svdvals(matrix.detach().double()), rtol)


def count_above(values: Tensor, rtol: float | int) -> int:
    """Singular values above ``rtol`` times the largest."""
    require(0 <= rtol < 1, f"rtol must lie in [0, 1), got {rtol}")
    return int((values > rtol * values.max()).sum()) if len(values) else 0


def tolerance_of(rtol: float | int | None, dtype: torch.dtype) -> float:
    """The tolerance given, or the one for what was computed in ``dtype``."""
    found = (DOUBLE if dtype == torch.float64 else SINGLE) if rtol is None else float(rtol)
    require(0 <= found < 1, f"rtol must lie in [0, 1), got {rtol}")
    return found


def padded(values: Tensor, size: int) -> Tensor:
    """Singular values with zeros for the directions that fewer rows than columns do not reach."""
    return torch.cat([values, values.new_zeros(size - len(values))])


@dataclass
class RowSpace:
    """The singular values of a tall matrix that comes in parts: only the triangle of its QR decomposition is kept.

    Squaring the matrix would lose all singular values below 1e-8 of the largest; this does not.
    """

    triangle: Tensor | None = None
    count: int = 0
    """Rows seen."""

    def update(self, rows: Tensor) -> None:
        """Take in more rows, ``[rows, columns]``."""
        self.count += len(rows)
        for part in rows.detach().double().split(max(4 * rows.shape[1], 1024)):
            joined = part if self.triangle is None else torch.cat([self.triangle, part])
            self.triangle = torch.linalg.qr(joined, mode="r").R

    def root(self) -> Tensor:
        """A matrix whose square, ``root^T root``, is the mean outer product of the rows."""
        assert self.triangle is not None
        return self.triangle / self.count**0.5

    def values(self) -> Tensor:
        """Singular values divided by the root of the number of rows, in falling order."""
        return torch.linalg.svdvals(self.root())
