"""Graphs from points: every point is joined to the ones nearest to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data.embedded import digits
from netopsy.data.graphs import Graph


@checked
def neighbour_graph(points: ArrayLike, k: int, *, name: str = "neighbours", labels: ArrayLike | None = None) -> Graph:
    """Two points are joined if either is among the ``k`` nearest of the other, by Euclidean distance; weights are 1.

    Args:
        points: ``[nodes, features]``.
        labels: the known group of every node.

    Raises:
        InputError: points that are no finite matrix, or k out of range.

    >>> neighbour_graph([[0.0], [1.0], [5.0]], 1).adjacency.toarray().astype(int).tolist()
    [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    """
    from sklearn.neighbors import kneighbors_graph

    matrix = np.asarray(points, dtype=np.float64)
    require(
        matrix.ndim == 2 and np.isfinite(matrix).all(), f"points must be finite [nodes, features], got {matrix.shape}"
    )
    require(isinstance(k, int) and 0 < k < len(matrix), f"k must be from 1 to {len(matrix) - 1}, got {k!r}")
    nearest = sparse.csr_array(kneighbors_graph(matrix, k, mode="connectivity"))
    return Graph(
        sparse.csr_array(nearest.maximum(nearest.T)),
        name,
        labels=None if labels is None else np.asarray(labels, dtype=np.int64),
    )


@checked
def digits_graph(k: int = 5, *, noise: float = 0.0, seed: int = 0) -> tuple[Graph, np.ndarray]:
    """scikit-learn's 1797 handwritten digits, each joined to the nearest ones, and their pixels ``[nodes, 64]``.

    Args:
        noise: standard deviation of normal noise added to the pixels (which run from 0 to 16) before anything else.
    """
    data = digits()
    pixels = 16 * data.inputs.flatten(1).double().numpy()
    pixels = pixels + noise * np.random.default_rng(seed).standard_normal(pixels.shape)
    return neighbour_graph(pixels, k, name="digits", labels=data.targets.numpy()), pixels
