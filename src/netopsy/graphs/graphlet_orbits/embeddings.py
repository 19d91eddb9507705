"""Node features from orbit adjacencies or from random walks: pointwise mutual information, then truncated SVD."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import check_seed
from netopsy.graphs.adjacency import GraphLike, as_adjacency, real_matrix

_BLOCK = 1 << 22
"""Entries of the dense rows of walks that are in memory at once."""


@checked
def gopmi(O: Any) -> sparse.csr_array:  # noqa: E741 - the paper's letter
    """Positive pointwise mutual information of the two orbits: which pairs meet more often than by chance.

    ``max(0, log(O_ij sum(O) / (row_i column_j)))`` with the sums of row i and column j; 0 where ``O_ij`` is.

    Args:
        O: a square matrix of counts, sparse or dense, such as `orbit_adjacency` gives.

    Returns:
        float64 ``[nodes, nodes]``, not negative, no zeros kept.

    Raises:
        InputError: not square, not of real numbers, or an entry that is negative or not finite.

    Source: the paper's GOPMI; details unconfirmed.

    >>> round(gopmi(np.array([[0, 1, 0], [1, 0, 3], [0, 3, 0]])).toarray()[0, 1].item(), 4)
    0.6931
    """
    counts = real_matrix(O, "O")
    rows, columns = counts.shape
    require(rows == columns, f"O must be square, got {rows}x{columns}")
    good = bool(np.isfinite(counts.data).all()) and bool((counts.data >= 0).all())
    require(good, "O must hold counts, got an entry that is negative or not finite")
    counts.eliminate_zeros()
    from_row = np.repeat(counts.sum(1), np.diff(counts.indptr))
    to_column = counts.sum(0)[counts.indices]
    information = np.log(counts.data) + np.log(counts.sum() or 1.0) - np.log(from_row) - np.log(to_column)
    found = sparse.csr_array((np.maximum(information, 0.0), counts.indices, counts.indptr), shape=counts.shape)
    found.eliminate_zeros()
    return found


@checked
def random_walk_pmi(A: GraphLike, window: int) -> sparse.csr_array:
    """Positive pointwise mutual information of nodes that meet within a window on endless random walks.

    ``max(0, log(vol / window * sum_r (D^-1 A)^r D^-1))`` over r = 1 to ``window``, with the sum ``vol`` of all degrees;
    0 for nodes without edges. What DeepWalk factorises in the limit (Qiu et al. 2018).

    Returns:
        float64 ``[nodes, nodes]``, symmetric up to rounding, no zeros kept; nearly full for large windows.

    Raises:
        InputError: no simple undirected graph, or a window below 1.

    Source: the paper's RWPMI; details unconfirmed.

    >>> import networkx as nx
    >>> random_walk_pmi(nx.path_graph(3), 1).toarray().round(3).tolist()
    [[0.0, 0.693, 0.0], [0.693, 0.0, 0.693], [0.0, 0.693, 0.0]]
    """
    whole = isinstance(window, int) and not isinstance(window, bool) and window >= 1
    require(whole, f"window must be a whole number of at least 1, got {window!r}")
    adjacency = as_adjacency(A, called="A")
    degrees = adjacency.sum(1)
    inverse = np.divide(1.0, degrees, out=np.zeros_like(degrees), where=degrees > 0)
    step = sparse.csr_array(sparse.diags_array(inverse) @ adjacency)
    n = len(degrees)
    height = max(1, _BLOCK // n)
    return sparse.csr_array(
        sparse.vstack([_walked(step, inverse, degrees.sum(), window, first, height) for first in range(0, n, height)])
    )


def _walked(
    step: sparse.csr_array, inverse: np.ndarray, volume: float, window: int, first: int, height: int
) -> sparse.csr_array:
    """Some rows of the matrix of `random_walk_pmi`."""
    reached = step[first : first + height].toarray()
    total = reached.copy()
    for _ in range(window - 1):
        reached = reached @ step
        total += reached
    total *= inverse * (volume / window)
    information = np.log(total, out=np.zeros_like(total), where=total > 1)
    return sparse.csr_array(information)


@checked
def embed(P: Any, dim: int = 128, *, seed: int = 0, both: bool = False) -> Float[np.ndarray, "nodes features"]:
    """Features of the nodes by truncated singular value decomposition, ``U sqrt(S)``.

    Args:
        P: a square matrix such as `gopmi` or `random_walk_pmi` gives.
        dim: how many singular vectors, the largest first; at most one fewer than there are nodes are taken.
        seed: of the vector that the iteration begins with.
        both: put ``V sqrt(S)`` beside it, for a matrix between two different orbits.

    Returns:
        float64 ``[nodes, min(dim, nodes - 1)]``, twice as wide with ``both``. The largest entry of each column of
        ``U`` is positive.

    Raises:
        InputError: not square, an entry that is not finite, fewer than two nodes, or ``dim`` below 1.

    >>> features = embed(np.diag([4.0, 1.0, 9.0]), 2)
    >>> features.round(6).tolist()
    [[0.0, 2.0], [0.0, 0.0], [3.0, 0.0]]
    """
    check_seed(seed)
    whole = isinstance(dim, int) and not isinstance(dim, bool) and dim >= 1
    require(whole, f"dim must be a whole number of at least 1, got {dim!r}")
    matrix = real_matrix(P, "P")
    rows, columns = matrix.shape
    require(rows == columns, f"P must be square, got {rows}x{columns}")
    require(rows >= 2, f"P must have at least two nodes, got {rows}")
    require(np.isfinite(matrix.data).all(), "P must be finite, got NaN or infinity")
    left, values, right = _svd(matrix, min(dim, rows - 1), seed)
    largest = left[np.abs(left).argmax(0), np.arange(len(values))]
    scale = np.sqrt(values) * np.where(largest < 0, -1.0, 1.0)
    return np.concatenate([left * scale, right * scale], 1) if both else left * scale


def _svd(matrix: sparse.csr_array, rank: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = matrix.shape[0]
    if n <= 4 * rank or matrix.nnz == 0:  # the iteration pays only for a small part of the spectrum
        from scipy.linalg import svd

        left, values, right = svd(matrix.toarray())
        return left[:, :rank], values[:rank], right[:rank].T
    from scipy.sparse.linalg import svds

    start = np.random.default_rng(seed).normal(size=n)
    left, values, right = svds(matrix, rank, v0=start)
    order = np.argsort(-values)
    return left[:, order], values[order], right[order].T
