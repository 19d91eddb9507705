"""Means and covariances of units, batch by batch, with memory that does not grow with the samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

_ROWS = 4096
"""Rows that go into one product; sums over more of them go on in double precision."""


@checked
def unit_rows(activations: Tensor, axis: int | None = None) -> Float[Tensor, "rows units"]:
    """A layer's output as one row a sample and place, one column a unit.

    Args:
        axis: of the units; by default 1 for ``[samples, channels, height, width]`` and the last for everything else
            (``[samples, units]``, ``[samples, tokens, units]``).

    Raises:
        InputError: fewer than two axes, or an axis that is not there.

    >>> unit_rows(torch.zeros(5, 3, 2, 2)).shape, unit_rows(torch.zeros(5, 7, 3)).shape
    (torch.Size([20, 3]), torch.Size([35, 3]))
    """
    dims = activations.ndim
    require(dims >= 2, f"activations must have an axis of samples and one of units, got {list(activations.shape)}")
    axis = (1 if dims >= 4 else -1) if axis is None else axis
    require(-dims <= axis < dims and axis % dims != 0, f"axis must be one of 1 to {dims - 1}, got {axis}")
    return activations.movedim(axis, -1).flatten(0, -2)


@dataclass
class Moments:
    """Count, means and centred cross products of columns, updated batch by batch.

    Rows are centred before they are multiplied, so that a large offset costs nothing, and sums go on in double
    precision (Chan, Golub and LeVeque 1983, for the means of two parts). Several networks are looked at in one pass by
    putting their units side by side as columns.

    >>> moments = Moments()
    >>> moments.update(torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
    >>> moments.update(torch.tensor([[4.0, 9.0]]))
    >>> moments.mean.tolist(), moments.correlation()[0, 1].item()
    ([2.0, 5.0], 1.0)
    """

    count: int = 0
    """Rows seen."""
    mean: Tensor | None = None
    """``[columns]``, float64, once there were rows."""
    scatter: Tensor | None = None
    """Sum of the outer products of centred rows, ``[columns, columns]``, float64."""

    @torch.no_grad()
    def update(self, rows: Float[Tensor, "rows columns"]) -> None:
        """Take in more rows.

        Raises:
            InputError: no rows, another number of columns than before, or values that are not finite.
        """
        require(rows.ndim == 2 and len(rows) > 0, f"rows must be [rows, columns] and not empty, got {list(rows.shape)}")
        known = None if self.mean is None else len(self.mean)
        require(known in (None, rows.shape[1]), f"rows must have {known} columns as before, got {rows.shape[1]}")
        kind = rows.dtype if rows.dtype == torch.float64 else torch.float32
        parts = []
        for part in rows.detach().split(_ROWS):
            mean = part.mean(0, dtype=torch.float64)
            require(bool(mean.isfinite().all()), "rows must be finite, got NaN or infinity")
            shift = mean.to(kind)
            centred, left = part.to(kind) - shift, mean - shift
            parts.append((len(part), mean, (centred.T @ centred).double() - len(part) * torch.outer(left, left)))
        for found in parts:  # only once all of them are known to be numbers
            self._merge(*found)

    def merge(self, other: Moments) -> None:
        """Take in what another one has seen."""
        if other.mean is not None and other.scatter is not None:
            self._merge(other.count, other.mean, other.scatter)

    def _merge(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        if self.mean is None or self.scatter is None:
            self.count, self.mean, self.scatter = count, mean.clone(), scatter.clone()
            return
        total = self.count + count
        apart = mean - self.mean
        self.scatter += scatter + torch.outer(apart, apart) * (self.count * count / total)
        self.mean += apart * (count / total)
        self.count = total

    def covariance(self) -> Float[Tensor, "columns columns"]:
        """Over all rows, divided by their number."""
        return self._scatter() / self.count

    def std(self) -> Float[Tensor, "columns"]:
        """Standard deviations, of all rows as they are (divided by their number)."""
        return self.covariance().diagonal().clamp(min=0).sqrt()

    def correlation(self, still: float = 0.0) -> Float[Tensor, "columns columns"]:
        """Pearson's; a column whose standard deviation is ``still`` or less has none, and gets zeros."""
        std = self.std()
        moving = std > still
        scale = torch.where(moving, std, 1.0)
        found = self.covariance() / torch.outer(scale, scale)
        return (found * torch.outer(moving, moving)).clamp(-1, 1)

    def _scatter(self) -> Tensor:
        require(self.scatter is not None, "no rows have been seen yet: call update first")
        assert self.scatter is not None
        return self.scatter
