"""The spread of smooth signals on a graph: the pseudo-inverse of its Laplacian, as a root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

from netopsy.core.errors import require
from netopsy.graphs.adjacency import GraphLike, as_adjacency, real_matrix


@dataclass(frozen=True, eq=False)
class SmoothRoot:
    """A factor F of the covariance ``L^+ = F F^T`` of the smooth signals on a graph, by its principal directions."""

    vectors: Float[np.ndarray, "nodes rank"]
    """Eigenvectors of L, the smoothest first; those with eigenvalue 0 are left out."""
    scales: Float[np.ndarray, "rank"]
    """``eigenvalue ** -0.5``: the standard deviation of signals along each of them, descending."""
    left_out: float = 0.0
    """At most so much of the trace of ``L^+`` lies along directions that were not asked for."""

    @property
    def factor(self) -> Float[np.ndarray, "nodes rank"]:
        """F, one column a direction."""
        return self.vectors * self.scales

    @property
    def trace(self) -> float:
        """Of ``F F^T``: the whole variance of the signals, without what was left out."""
        return float((self.scales**2).sum())

    def signals(self, noise: Float[np.ndarray, "nodes signals"]) -> Float[np.ndarray, "nodes signals"]:
        """Smooth signals ``(L^+)^(1/2) noise``: drawn from N(0, L^+) if the noise is standard normal."""
        return self.factor @ (self.vectors.T @ noise)


def laplacian(graph: GraphLike) -> sparse.csr_array:
    """``diag(A 1) - A``, weights included, sparse ``[nodes, nodes]``.

    Raises:
        InputError: no graph, directed, negative or infinite weights, or edges from a node to itself.

    >>> laplacian(np.array([[0, 2], [2, 0]])).toarray().tolist()
    [[2.0, -2.0], [-2.0, 2.0]]
    """
    adjacency = as_adjacency(graph, weighted=True)
    return sparse.csr_array(sparse.diags_array(adjacency.sum(1)) - adjacency)


def smooth_root(L: Any, *, rank: int | None = None, called: str = "L") -> SmoothRoot:
    """The root of the pseudo-inverse of a graph's Laplacian.

    As many eigenvalues are 0 as the graph has components.

    Args:
        L: a Laplacian, dense or sparse, ``[nodes, nodes]``.
        rank: only so many of the smoothest directions, found without the others. On graphs without a few slow modes
            most of the variance then is left out: see `SmoothRoot.left_out`, which bounds it by
            ``missing directions / smallest eigenvalue kept``.

    Raises:
        InputError: not a Laplacian (square, symmetric, finite, rows that add up to 0, no positive entry off the
            diagonal), weights that differ by so many powers of ten that a part of the graph hangs on by less than
            rounding errors, or a rank out of range.

    Source: section on the graph Wasserstein distance; signals ~ N(0, L^+).

    >>> smooth_root(laplacian(np.ones((4, 4)) - np.eye(4))).scales.round(6).tolist()
    [0.5, 0.5, 0.5]
    """
    matrix = check_laplacian(L, called)
    nodes = int(matrix.diagonal().size)
    if rank is not None:
        whole = isinstance(rank, int) and not isinstance(rank, bool) and rank >= 1
        require(whole, f"rank must be a whole number of at least 1, got {rank!r}")
    components = int(sparse.csgraph.connected_components(matrix, directed=False)[0])
    if rank is None or rank + components >= nodes - 1:
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        values, vectors = _smoothest(matrix, rank + components)
    largest = 2.0 * float(matrix.diagonal().max(initial=0.0))  # Gershgorin: no eigenvalue is larger
    kept = slice(components, None if rank is None else components + rank)
    values, vectors = values[kept], vectors[:, kept]
    require(
        (values > nodes * np.finfo(float).eps * largest).all(),
        f"{called} must not have weights of so different sizes: the weakest links between its parts are lost in "
        f"rounding beside the largest weights, {largest / 2:.1e}",
    )
    missing = nodes - components - len(values)
    return SmoothRoot(vectors, values**-0.5, missing / float(values[-1]) if missing else 0.0)


def check_laplacian(L: Any, called: str = "L") -> sparse.csr_array:
    """``L`` as a sparse matrix of floats, or an error that says why it is not the Laplacian of a graph."""
    given = L.detach().cpu() if isinstance(L, Tensor) else L
    shape: tuple[int, ...] = tuple(getattr(given, "shape", ()))
    require(len(shape) == 2 and shape[0] == shape[1], f"{called} must be a square Laplacian, got shape {shape}")
    require(shape[0] > 0, f"{called} must have at least one node, got none")
    matrix = real_matrix(given, called)
    require(np.isfinite(matrix.data).all(), f"{called} must be finite, got NaN or infinity")
    off = matrix - sparse.diags_array(matrix.diagonal())
    require(off.data.max(initial=0.0) <= 0, f"{called} must be a Laplacian: off its diagonal no entry is positive")
    scale = float(np.abs(matrix.data).max(initial=0.0))
    crooked: Any = abs(matrix - matrix.T)
    require(crooked.data.max(initial=0.0) <= 1e-9 * scale, f"{called} must be symmetric")
    slack = 1e-9 * scale * max(1, shape[0]) ** 0.5
    require(np.abs(matrix.sum(1)).max() <= slack, f"{called} must be a Laplacian: its rows must add up to 0")
    matrix.eliminate_zeros()
    return matrix


def _smoothest(matrix: sparse.csr_array, count: int) -> tuple[np.ndarray, np.ndarray]:
    from scipy.sparse.linalg import eigsh

    # A little below 0 the shifted matrix is positive definite, so it has a factorisation and the smallest come first.
    shift = -1e-3 * float(matrix.diagonal().mean())
    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    values, vectors = eigsh(matrix.tocsc(), k=count, sigma=shift, which="LM", v0=start)
    order = np.argsort(values)
    return values[order], vectors[:, order]
