"""Sums of node features over the rows of a sparse matrix, with a derivative that is such a sum again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from netopsy.core.errors import require
from netopsy.graphs.neural_common_neighbor import _kernels

Pooled = Float[Tensor, "pairs channels"]


def pool(
    features: Float[Tensor, "nodes channels"],
    starts: np.ndarray,
    columns: np.ndarray,
    weights: Float[Tensor, "entries"] | None = None,
) -> Pooled:
    """For each row the sum of the features of its columns, times their weights: ``x_cn`` of Section 3.

    The derivative, in the features alone, is the product with the transpose, which is found only where it is asked for.

    Args:
        features: ``[nodes, channels]``.
        starts, columns: the rows as scipy keeps them in a ``csr_array``: ``indptr`` and ``indices``.
        weights: of every entry; ``None`` for 1. No gradient goes through them.

    >>> pool(torch.tensor([[1.0], [2.0], [4.0]]), np.array([0, 2, 2]), np.array([0, 2])).tolist()
    [[5.0], [0.0]]
    """
    require(features.ndim == 2, f"features must be [nodes, channels], got {tuple(features.shape)}")
    require(
        weights is None or weights.shape == (len(columns),),
        f"weights must be one for each of {len(columns)} entries",
    )
    product: Any = _Pool.apply
    return product(features, starts, columns, None if weights is None else weights.detach().to(features))


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, starts: np.ndarray, columns: np.ndarray, weights: Tensor | None) -> Tensor:
        ctx.rows, ctx.weights, ctx.nodes = (starts, columns), weights, len(features)
        return _sums(features, starts, columns, weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (starts, columns), weights = ctx.rows, ctx.weights
        begins, rows, entries = _kernels.transposed(starts, columns, ctx.nodes)
        if weights is not None:
            weights = weights[torch.from_numpy(entries).to(weights.device)]
        return pool(gradients[0], begins, rows, weights), None, None, None


def _sums(features: Tensor, starts: np.ndarray, columns: np.ndarray, weights: Tensor | None) -> Tensor:
    if len(columns) == 0:
        return features.new_zeros(len(starts) - 1, features.shape[1])
    places, begins = (
        torch.from_numpy(part.astype(np.int64, copy=False)).to(features.device) for part in (columns, starts)
    )
    return functional.embedding_bag(
        places, features.contiguous(), begins, mode="sum", include_last_offset=True, per_sample_weights=weights
    )
