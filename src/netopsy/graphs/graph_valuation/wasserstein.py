"""The Wasserstein distance between the smooth signals of two graphs whose nodes correspond."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.graph_valuation.spectra import smooth_root

GROUPS = 8
"""Parts into which signals are divided to see how much the estimate depends on them."""


@checked
def graph_wasserstein(
    L1: Any, L2: Any, *, squared: bool = True, normalised: bool = False, rank: int | None = None
) -> float:
    """How differently signals spread on two graphs: the squared 2-Wasserstein distance of N(0, L1^+) and N(0, L2^+).

    ``W^2 = tr L1^+ + tr L2^+ - 2 || (L1^+)^(1/2) (L2^+)^(1/2) ||_*`` with the nuclear norm (the sum of the singular
    values). Node i of one graph is node i of the other; if one has fewer, the last ones of the other face isolated
    nodes, on which there is no signal. A component of a graph has no signal that is constant on it, so that graphs of
    unequal numbers of components differ by the whole variance of the other's signals along those directions.

    Args:
        L1: Laplacian ``[nodes, nodes]`` of the first graph, dense or sparse: see `laplacian`.
        L2: of the second graph.
        squared: ``False`` for W itself.
        normalised: divide by ``tr L1^+ + tr L2^+``, the largest that the square can be; 0 for two graphs without edges.
        rank: count only so many of the smoothest directions of each. W then differs from the exact one by at most
            ``sqrt(left_out_1) + sqrt(left_out_2)``, see `SmoothRoot.left_out`: much on graphs without slow modes.

    Raises:
        InputError: an argument that is no Laplacian.

    Source: graph Wasserstein distance, closed form between Gaussians; padding and the normalised form are choices.

    >>> import networkx as nx
    >>> from netopsy.graphs.graph_valuation import laplacian
    >>> round(graph_wasserstein(laplacian(nx.complete_graph(4)), laplacian(nx.cycle_graph(4))), 6)
    0.085786
    """
    first, second = smooth_root(L1, rank=rank, called="L1"), smooth_root(L2, rank=rank, called="L2")
    square, share = between(first.factor, second.factor)
    found = share if normalised else square
    return found if squared else math.sqrt(found)


def between(
    first: Float[np.ndarray, "nodes_1 columns_1"], second: Float[np.ndarray, "nodes_2 columns_2"]
) -> tuple[float, float]:
    """W^2 of the Gaussians with covariances ``F F^T``, and its share of the sum of their traces.

    The factors may have any number of columns; missing rows are rows of zeros.
    """
    rows = min(len(first), len(second))
    total = float((first**2).sum() + (second**2).sum())
    product = _narrow(first[:rows]).T @ _narrow(second[:rows])
    nuclear = float(np.linalg.svd(product, compute_uv=False).sum())
    square = max(0.0, total - 2 * nuclear)
    return square, (square / total if total > 0 else 0.0)


def _narrow(factor: np.ndarray) -> np.ndarray:
    """A factor of the same covariance with no more columns than rows."""
    rows, columns = factor.shape
    if columns <= rows:
        return factor
    triangle: Any = np.linalg.qr(factor.T, mode="r")
    return triangle.T


def shared_noise(nodes: int, signals: int, seed: int) -> Float[np.ndarray, "nodes signals"]:
    """Standard normal noise over ``sqrt(signals)``; the first rows are the same for any number of nodes."""
    return np.random.default_rng(seed).standard_normal((nodes, signals)) / math.sqrt(signals)


def jackknife_error(first: Float[np.ndarray, "nodes_1 signals"], second: Float[np.ndarray, "nodes_2 signals"]) -> float:
    """Standard error of `between` on signals of one shared noise, from leaving out one part of them after another."""
    signals = first.shape[1]
    require(signals >= GROUPS, f"signals must be at least {GROUPS}, got {signals}")
    group = np.arange(signals) % GROUPS
    found = []
    for part in range(GROUPS):
        kept = group != part
        found.append(between(first[:, kept], second[:, kept])[0] * signals / kept.sum())
    values = np.array(found)
    return float(np.sqrt((GROUPS - 1) / GROUPS * ((values - values.mean()) ** 2).sum()))
