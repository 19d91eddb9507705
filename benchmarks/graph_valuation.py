"""The distance of two graphs' smooth signals against POT's, many sellers with and without the buyer's root kept."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import networkx as nx
import numpy as np
import ot
from scipy import sparse

from benchmarks.timing import Comparison, Growth
from netopsy.graphs.graph_valuation import align_to_proxy, graph_wasserstein, laplacian, proxy_graph, smooth_root
from netopsy.graphs.graph_valuation.wasserstein import between

SELLERS = 10


def benchmarks() -> Iterator[Comparison | Growth]:
    """Two graphs of 400 nodes; ten sellers of 200; and the growth of distance and alignment with the nodes."""
    first, second = (graph_laplacian(400, seed) for seed in (0, 1))
    theirs = partial(with_pot, first, second)
    assert abs(graph_wasserstein(first, second, squared=False) / theirs() - 1) < 1e-2
    yield Comparison(
        "graph_wasserstein_400",
        partial(graph_wasserstein, first, second),
        theirs,
        target=1.0,
        peer_name="POT",
        rounds=7,
    )
    buyer, sellers = graph_laplacian(200, 0), [graph_laplacian(200, seed) for seed in range(1, SELLERS + 1)]
    yield Comparison(
        "ten_sellers",
        partial(root_once, buyer, sellers),
        lambda: [graph_wasserstein(buyer, seller) for seller in sellers],
        target=0.8,
        peer_name="the buyer's root anew",
        rounds=7,
    )
    sizes = (125, 250, 500, 1000, 2000)
    yield Growth(
        "distance_nodes",
        {n: partial(graph_wasserstein, graph_laplacian(n, 0), graph_laplacian(n, 1)) for n in sizes},
        size_name="nodes",
        rounds=2,
    )
    yield Growth(
        "alignment_nodes",
        {n: partial(align_to_proxy, nx.barabasi_albert_graph(n, 5, seed=0), proxy_graph(n)) for n in sizes},
        size_name="nodes",
        rounds=2,
    )


def graph_laplacian(nodes: int, seed: int) -> sparse.csr_array:
    """Of a scale-free graph."""
    return laplacian(nx.barabasi_albert_graph(nodes, 5, seed=seed))


def with_pot(first: sparse.csr_array, second: sparse.csr_array) -> float:
    """The same distance from covariances, which must be regular."""
    nodes = first.shape[0]
    covariances = [np.linalg.pinv(L.toarray(), hermitian=True) + 1e-5 * np.eye(nodes) for L in (first, second)]
    return float(ot.gaussian.bures_wasserstein_distance(np.zeros(nodes), np.zeros(nodes), *covariances))


def root_once(buyer: sparse.csr_array, sellers: list[sparse.csr_array]) -> list[float]:
    """The buyer's root is worked out once for all sellers."""
    own = smooth_root(buyer).factor
    return [between(own, smooth_root(seller).factor)[0] for seller in sellers]
