"""A very sparse random matrix."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.seeds import check_seed
from netopsy.landscape.intrinsic_dimension.projections import MatrixProjection, Projection


@checked_class
class SparseProjection(Projection):
    """Entries that are not 0 with probability ``1 / sqrt(D)``, of either sign, every column divided by its norm.

    O(d sqrt(D)) time and memory (Li et al. 2006; Li et al. 2018, section S7). A column without an entry is drawn again.

    Args:
        full, dimension: D and d, the number of rows and of columns.
        seed: of the draw.

    Raises:
        InputError: d below 1 or above D.

    >>> projection = SparseProjection(10_000, 5)
    >>> projection.to_matrix().norm(dim=0), projection.nonzeros < 5 * 200
    (tensor([1.0000, 1.0000, 1.0000, 1.0000, 1.0000]), True)
    """

    def __init__(self, full: int, dimension: int, *, seed: int = 0) -> None:
        check_seed(seed)
        super().__init__(full, dimension)
        random = np.random.default_rng(seed)
        columns, rows = _drawn(full, dimension, random)
        self.seed, self.nonzeros = seed, len(rows)
        counts = np.bincount(columns, minlength=dimension)
        values = (2.0 * random.integers(2, size=len(rows)) - 1) / np.sqrt(counts[columns])
        by_row = np.lexsort((columns, rows))
        heights = np.bincount(rows, minlength=full)
        # Both ways as compressed rows: of the matrix, and of its transpose.
        for name, parts in (
            ("matrix", (_starts(heights), columns[by_row], values[by_row])),
            ("transposed", (_starts(counts), rows, values)),
        ):
            for part, array in zip(("starts", "places", "values"), parts, strict=True):
                tensor = torch.from_numpy(array).to(torch.float32 if part == "values" else torch.int64)
                self.register_buffer(f"{name}_{part}", tensor, persistent=False)

        with (
            warnings.catch_warnings()
        ):  # torch says once that compressed rows are new, at the first matrix of a process
            warnings.simplefilter("ignore")
            self._project(torch.zeros(dimension))

    def first(self, dimension: int) -> MatrixProjection:
        """The first columns as a matrix."""
        return MatrixProjection(self.to_matrix()[:, :dimension])

    def _project(self, z: Tensor) -> Tensor:
        return _Product.apply(z, *self._parts("matrix"), *self._parts("transposed"))

    def _transpose(self, gradient: Tensor) -> Tensor:
        return _Product.apply(gradient, *self._parts("transposed"), *self._parts("matrix"))

    def _parts(self, name: str) -> tuple[Tensor, Tensor, Tensor]:
        starts, places, values = (getattr(self, f"{name}_{part}") for part in ("starts", "places", "values"))
        return starts, places, values


def _drawn(full: int, dimension: int, random: np.random.Generator) -> tuple[Any, Any]:
    """Columns and rows of the entries, column by column."""
    share = 1 / math.sqrt(full)
    cells = _chosen(full * dimension, share, random)
    columns, rows = cells // full, cells % full
    for empty in np.flatnonzero(np.bincount(columns, minlength=dimension) == 0):
        again = cells[:0]
        while not len(again):
            again = _chosen(full, share, random)
        at = np.searchsorted(columns, empty)
        columns, rows = np.insert(columns, at, np.full(len(again), empty)), np.insert(rows, at, again)
    return columns, rows


def _chosen(cells: int, share: float, random: np.random.Generator) -> Any:
    """Each cell with probability ``share``, in time that is of the order of how many are chosen."""
    batch = int(cells * share + 6 * math.sqrt(cells * share)) + 16
    last, found = -1, []
    while last < cells:
        places = last + np.cumsum(random.geometric(share, size=batch))
        found.append(places)
        last = int(places[-1])
    chosen = np.concatenate(found)
    return chosen[chosen < cells]


def _starts(counts: Any) -> Any:
    return np.concatenate(([0], np.cumsum(counts)))


class _Product(torch.autograd.Function):
    """A matrix in compressed rows times vectors; the transpose goes along for the gradient."""

    @staticmethod
    def forward(x: Tensor, *parts: Tensor) -> Tensor:
        starts, places, values = parts[:3]
        matrix = torch.sparse_csr_tensor(starts, places, values, (len(starts) - 1, x.shape[-1]), check_invariants=False)
        flat = x.reshape(-1, x.shape[-1])
        return (matrix @ flat.T).T.reshape(*x.shape[:-1], len(starts) - 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs[1:])
        ctx.save_for_forward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        there, back = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
        return _Product.apply(gradient, *back, *there), None, None, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Any:
        return _Product.apply(tangent, *ctx.saved_tensors)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, *parts: Tensor) -> Any:
        if any(at is not None for at in in_dims[1:]):
            raise NotImplementedError("sparse matrices cannot be stacked: make them a MatrixProjection")
        return _Product.apply(x.movedim(in_dims[0], 0), *parts), 0
