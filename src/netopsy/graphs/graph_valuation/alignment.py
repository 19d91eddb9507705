"""Numbering the nodes of a graph after a public stand-in, so that graphs correspond whose owners never met."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from scipy.optimize import linear_sum_assignment, quadratic_assignment

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.seeds import check_seed, derive
from netopsy.graphs.adjacency import GraphLike, as_adjacency

Places = Int[np.ndarray, "nodes"]
Matcher = Callable[[np.ndarray, np.ndarray], Any]
MATCHERS = ("grampa", "faq")
ETA = 0.2
RESTARTS = 6
_DRAWS = 100


def proxy_graph(size: int, p: float = 0.2, *, seed: int = 0) -> sparse.csr_array:
    """The public stand-in: a random graph in which any two of ``size`` nodes are joined with probability ``p``.

    It is drawn again, at most 100 times, while some of its nodes look alike from everywhere: what comes to lie on them
    would be arbitrary. Graphs of fewer than six nodes always have such, large ones hardly ever.

    Raises:
        InputError: no positive size, or p that is not between 0 and 1.

    >>> proxy_graph(50, 0.2, seed=1).nnz
    446
    """
    whole = isinstance(size, int) and not isinstance(size, bool) and size >= 1
    require(whole, f"size must be a whole number of at least 1, got {size!r}")
    require(isinstance(p, int | float) and 0 < p < 1, f"p must lie between 0 and 1, got {p!r}")
    check_seed(seed)
    first, second = np.triu_indices(size, 1)
    random = np.random.default_rng(seed)
    for _ in range(_DRAWS):
        kept = random.random(len(first)) < p
        ends: Any = (np.r_[first[kept], second[kept]], np.r_[second[kept], first[kept]])
        drawn = sparse.csr_array(sparse.coo_array((np.ones(2 * int(kept.sum())), ends), (size, size)))
        if _all_differ(drawn):
            break
    return drawn


@checked
def align_to_proxy(A: GraphLike, proxy: GraphLike, *, matcher: str | Matcher = "grampa", seed: int = 0) -> Places:
    """Where each node of a graph has its place in the proxy.

    Node i of the graph corresponds to node ``places[i]`` of the proxy. A graph with fewer nodes is given isolated ones,
    which come last.

    Args:
        A: any form of graph, with n nodes.
        proxy: any form of graph, with m nodes; at least n for ``"grampa"``, as isolated nodes of the proxy could not be
            told apart.
        matcher: ``"grampa"``, spectral and *equivariant*: other numbers of the graph's nodes only change which number
            is told which place, so that two copies of a graph come to lie on each other unless the graph looks the
            same from several of its nodes; ``"faq"``, the best of 6 random starts of the Frank-Wolfe method, closer
            between two similar graphs, but through a stand-in not equivariant; or a function that is given both dense
            matrices ``[N, N]``, the graph's first, and returns the places.
        seed: of the random starts of ``"faq"``.

    Returns:
        A permutation of ``0 .. N - 1``, int64, with N the larger of n and m.

    Raises:
        InputError: no graphs, a proxy that is too small, an unknown matcher, or one that returns no permutation.

    Source: blind alignment by a proxy graph; the matcher is a choice (GRAMPA: Fan, Mao, Wu and Xu 2019; FAQ:
    Vogelstein et al. 2015).

    >>> import networkx as nx
    >>> graph = nx.to_numpy_array(nx.gnp_random_graph(20, 0.3, seed=1))
    >>> backwards = graph[::-1, ::-1]
    >>> proxy = proxy_graph(20)
    >>> here, there = align_to_proxy(graph, proxy), align_to_proxy(backwards, proxy)
    >>> (relabelled(graph, here) != relabelled(backwards, there)).nnz
    0
    """
    graph = as_adjacency(A, weighted=True, called="A")
    other = as_adjacency(proxy, weighted=True, called="proxy")
    check_seed(seed)
    nodes = max(graph.shape[0], other.shape[0])
    # A node that the caller lists without an edge is no different from one that is added.
    alone = np.diff(graph.indptr) == 0
    order = np.argsort(alone, kind="stable")
    found = _aligned(sparse.csr_array(graph[order][:, order]), int((~alone).sum()), other, nodes, matcher, seed)
    places = found.copy()
    places[order] = found[: len(order)]
    return places


def _aligned(
    graph: sparse.csr_array, own: int, other: sparse.csr_array, nodes: int, matcher: str | Matcher, seed: int
) -> Places:
    """The places where nodes without an edge, from ``own`` on, come last."""
    first, second = (_padded(matrix, nodes) for matrix in (graph, other))
    if callable(matcher):
        return _checked(matcher(first, second), nodes)
    if lookup("matcher", matcher, {known: known for known in MATCHERS}) == "faq":
        return _faq(first, second, seed)
    size = graph.shape[0]
    require(
        other.shape[0] == nodes,
        f"proxy must have at least as many nodes as A, {size}, to be matched by 'grampa', got {other.shape[0]}",
    )
    likeness = grampa(first, second, max(own, 1))
    return linear_sum_assignment(likeness, maximize=True)[1].astype(np.int64)


def relabelled(A: GraphLike, places: Places) -> sparse.csr_array:
    """The graph with node i moved to number ``places[i]``, ``[N, N]``, weights kept; padded if there are more places.

    Raises:
        InputError: places that are no permutation, or fewer than there are nodes.
    """
    graph = as_adjacency(A, weighted=True, called="A")
    order = _checked(places, len(places))
    require(len(order) >= graph.shape[0], f"places must be at least {graph.shape[0]}, one a node, got {len(order)}")
    edges = sparse.coo_array(graph)
    ends: Any = (order[edges.row], order[edges.col])
    return sparse.csr_array(sparse.coo_array((edges.data, ends), (len(order), len(order))))


def grampa(
    A: Float[np.ndarray, "nodes nodes"], proxy: Float[np.ndarray, "nodes nodes"], own: int
) -> Float[np.ndarray, "nodes nodes"]:
    """How much node i of the graph looks like node j of the proxy: all pairs of eigenvectors, near eigenvalues most.

    ``K = sum_ij (v_i 1)(u_j 1) / ((m_i - l_j)^2 + eta^2) v_i u_j^T`` with the eigenpairs (m, v) of the graph and (l, u)
    of the proxy, each divided by the root of its mean degree (of its mean sum of squared weights), and eta = 0.2.

    Args:
        own: how many nodes of the graph are its own and no padding.
    """
    values, vectors = np.linalg.eigh(A / _spread(A, own))
    values_q, vectors_q = _eigenpairs((proxy / _spread(proxy, len(proxy))).tobytes(), len(proxy))
    near = vectors.sum(0)[:, None] * vectors_q.sum(0) / ((values[:, None] - values_q) ** 2 + ETA**2)
    return vectors @ near @ vectors_q.T


def _all_differ(matrix: sparse.csr_array) -> bool:
    """Whether colours, refined by those of the neighbours until nothing changes, come to differ for all nodes."""
    nodes = matrix.shape[0]
    marks = np.random.default_rng(0).random(nodes)
    colours, count = np.zeros(nodes, dtype=np.int64), 1
    while count < nodes:
        around = (matrix @ marks[colours]).round(9)
        found, colours = np.unique(np.c_[colours, around], axis=0, return_inverse=True)
        if len(found) == count:
            return False
        count = len(found)
    return True


@lru_cache(maxsize=1)
def _eigenpairs(matrix: bytes, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Kept, as many graphs are matched with one proxy."""
    values, vectors = np.linalg.eigh(np.frombuffer(matrix).reshape(nodes, nodes))
    return values, vectors


def _spread(matrix: np.ndarray, nodes: int) -> float:
    """The root of the mean degree; with weights the same of their squares, so that their unit does not matter."""
    largest = float(matrix.max(initial=0.0))
    return largest * float(((matrix / largest) ** 2).sum() / nodes) ** 0.5 if largest > 0 else 1.0


def _faq(first: np.ndarray, second: np.ndarray, seed: int) -> Places:
    best, places = -np.inf, np.arange(len(first))
    for start in range(RESTARTS):
        random = np.random.default_rng(derive(seed, "faq", start))
        options: Any = {"maximize": True, "P0": "randomized", "rng": random}
        found = quadratic_assignment(first, second, method="faq", options=options)
        if found.fun > best:
            best, places = found.fun, found.col_ind
    return np.asarray(places, dtype=np.int64)


def _padded(matrix: sparse.csr_array, nodes: int) -> np.ndarray:
    dense = np.zeros((nodes, nodes))
    dense[: matrix.shape[0], : matrix.shape[0]] = matrix.toarray()
    return dense


def _checked(places: Any, nodes: int) -> Places:
    order = np.asarray(places)
    good = order.shape == (nodes,) and np.issubdtype(order.dtype, np.integer)
    require(
        good and np.array_equal(np.sort(order), np.arange(nodes)),
        f"places must be a permutation of 0 to {nodes - 1}, got {np.array2string(order, threshold=8)}",
    )
    return order.astype(np.int64)
