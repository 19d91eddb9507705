"""What the orbit adjacencies add up to: for every node, every edge, every graphlet and the whole graph."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Int
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.graphlet_orbits.keys import EDGE_KEYS, GRAPHLETS, Key, keys_of_graphlet
from netopsy.graphs.graphlet_orbits.matrices import edge_value, orbit_adjacencies
from netopsy.graphs.graphlet_orbits.network import Network

# Each orbit's count is the row sum of a matrix, in which every copy appears so many times.
_ORBIT_SUMS: tuple[tuple[Key, int], ...] = (
    ((1, 0, 0), 1),
    ((1, 1, 2), 1),
    ((1, 2, 1), 2),
    ((1, 3, 3), 2),
    ((1, 4, 5), 1),
    ((1, 5, 5), 1),
    ((1, 6, 7), 1),
    ((1, 7, 6), 3),
    ((1, 8, 8), 2),
    ((1, 9, 11), 1),
    ((1, 10, 10), 1),
    ((1, 11, 9), 1),
    ((1, 12, 13), 2),
    ((1, 13, 12), 2),
    ((1, 14, 14), 3),
)
# For each graphlet one of its orbits, and how many of its nodes sit there.
_COUNTED: Mapping[str, tuple[int, int]] = MappingProxyType(
    dict(zip(GRAPHLETS, ((0, 2), (2, 1), (3, 3), (5, 2), (7, 1), (8, 4), (9, 1), (13, 2), (14, 4)), strict=True))
)


@checked
def graphlet_degree_vectors(A: GraphLike) -> Int[np.ndarray, "nodes orbits"]:
    """In how many induced copies of graphlets of up to four nodes each node sits on each orbit.

    Only what lies on edges is counted, so this is far cheaper than the matrices between distant nodes.

    Returns:
        int64 ``[nodes, 15]``, columns in the order of `ORBITS`; the first is the degree.

    Raises:
        InputError: as `orbit_adjacency`.

    >>> import networkx as nx
    >>> graphlet_degree_vectors(nx.star_graph(3))[:2].tolist()
    [[3, 0, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], [1, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]]
    """
    network = Network.of(A)
    return np.stack([network.summed(edge_value(network, key)) // times for key, times in _ORBIT_SUMS], 1)


@checked
def edge_graphlet_degree_vectors(A: GraphLike) -> Int[np.ndarray, "edges kinds"]:
    """In how many induced copies of graphlets of three and four nodes each edge is an edge of each kind.

    Returns:
        int64 ``[edges, 12]``: edges from their smaller node to their larger, in the order of `undirected_edges`;
        columns in the order of `EDGE_KEYS`. An edge between two orbits counts whichever way round it lies.

    Raises:
        InputError: as `orbit_adjacency`.

    >>> import networkx as nx
    >>> edge_graphlet_degree_vectors(nx.complete_graph(3)).tolist()
    [[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]
    """
    network = Network.of(A)
    once = network.rows < network.columns
    columns = []
    for key in EDGE_KEYS:
        values = edge_value(network, key)
        columns.append((values if key[1] == key[2] else values + values[network.twins])[once])
    return np.stack(columns, 1)


@checked
def graphlet_adjacency(A: GraphLike, graphlet: int, *, threads: int | None = None) -> sparse.csr_array:
    """In how many induced copies of a graphlet each pair of nodes lies together: the sum of all its orbit adjacencies.

    Args:
        graphlet: its number, 0 to 8, in the order of `GRAPHLETS`.

    Returns:
        int64 ``[nodes, nodes]``, symmetric.

    Raises:
        InputError: as `orbit_adjacency`, or no such graphlet.

    Source: Windels, Malod-Dognin and Przulj 2019, graphlet Laplacians.

    >>> import networkx as nx
    >>> graphlet_adjacency(nx.path_graph(3), 1).toarray().tolist()
    [[0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    keys = keys_of_graphlet(graphlet)
    total: sparse.csr_array | None = None
    for _, matrix in orbit_adjacencies(A, keys, threads=threads):
        wide = matrix.astype(np.int64)
        total = wide if total is None else sparse.csr_array(total + wide)
    assert total is not None
    return total


@checked
def graphlet_counts(A: GraphLike) -> dict[str, int]:
    """How many induced copies of each graphlet of up to four nodes there are, by the names in `GRAPHLETS`.

    Raises:
        InputError: as `orbit_adjacency`.

    >>> from netopsy.data.graphs import graph
    >>> counts = graphlet_counts(graph("karate"))
    >>> counts["triangle"], counts["claw"], counts["diamond"]
    (45, 1098, 85)
    """
    return counts_from_vectors(graphlet_degree_vectors(A))


def counts_from_vectors(vectors: Int[np.ndarray, "nodes orbits"]) -> dict[str, int]:
    """`graphlet_counts` where the graphlet degree vectors are known."""
    # Halves are added as Python's integers, which have no largest one.
    low, high = (vectors & (2**32 - 1)).sum(0), (vectors >> 32).sum(0)
    return {name: (int(low[at]) + (int(high[at]) << 32)) // nodes for name, (at, nodes) in _COUNTED.items()}
