"""The largest eigenvalues of many small symmetric matrices at once, without the others."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_SMALL = 64
"""Up to this side all eigenvectors cost less than a search for some of them."""
_GUARDS = 4
"""Vectors that are iterated beside those asked for: they take over the slow part of the convergence."""
_ROUNDS = 20


def leading(
    matrices: Float[Tensor, "batch n n"], count: int, exact: int
) -> tuple[Float[Tensor, "batch count"], Float[Tensor, "batch n count"]]:
    """The ``count`` largest eigenvalues of positive semi-definite matrices, falling, and their eigenvectors.

    Subspace iteration with a Rayleigh-Ritz step; whatever has not converged after a few rounds (eigenvalues in a dense
    crowd) is decomposed completely. The first ``exact`` pairs are as good as the arithmetic allows; the eigenvalues
    behind them are within 0.1 % of the largest one.

    >>> values, vectors = leading(torch.diag(torch.tensor([1.0, 3.0, 2.0]))[None], 2, 1)
    >>> values.tolist(), vectors[0, :, 0].abs().tolist()
    ([[3.0, 2.0]], [0.0, 1.0, 0.0])
    """
    side, block = matrices.shape[-1], count + _GUARDS
    if side <= max(_SMALL, 4 * block):
        return _complete(matrices, count)
    bound = torch.full((block,), 1e-3).to(matrices)
    bound[:exact] = max(1e-9, 16 * torch.finfo(matrices.dtype).eps)
    # A start of fixed random numbers: no structure of the data is likely to be orthogonal to it.
    start = torch.randn(side, block, generator=torch.Generator().manual_seed(0), dtype=matrices.dtype)
    basis = torch.linalg.qr(matrices @ start.to(matrices.device)).Q
    for _ in range(_ROUNDS):
        basis = torch.linalg.qr(matrices @ (matrices @ basis)).Q
        image = matrices @ basis
        values, turn = torch.linalg.eigh(basis.mT @ image)
        values, turn = values.flip(-1), turn.flip(-1)
        vectors, image = basis @ turn, image @ turn
        off = torch.linalg.vector_norm(image - vectors * values[:, None], dim=1)
        done = (off <= bound * values[:, :1])[:, :count].all(1)
        if bool(done.all()):
            break
        basis = vectors
    values, vectors = values[:, :count], vectors[..., :count]
    if not bool(done.all()):
        values[~done], vectors[~done] = _complete(matrices[~done], count)
    return values, vectors


def _complete(
    matrices: Float[Tensor, "batch n n"], count: int
) -> tuple[Float[Tensor, "batch count"], Float[Tensor, "batch n count"]]:
    values, vectors = torch.linalg.eigh(matrices)
    return values.flip(-1)[:, :count], vectors.flip(-1)[..., :count]
