"""The 28 orbit adjacency matrices, exactly, by closed forms of what is seen on edges and short paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.graphlet_orbits.keys import KEYS, Key, check_key
from netopsy.graphs.graphlet_orbits.network import Counts, Network
from netopsy.graphs.graphlet_orbits.sweep import sweep

# Weights of C, C d_j, C d_i, C (C - 1) / 2, sum of T[k, j], sum of T[i, k], sum of d_k - 1, and edges among the k.
_TWO_APART: Mapping[Key, tuple[int, ...]] = MappingProxyType(
    {
        (2, 4, 5): (-1, 1, 0, -2, -1, 0, 0, 2),
        (2, 5, 4): (-1, 0, 1, -2, 0, -1, 0, 2),
        (2, 6, 6): (-1, 0, 0, 0, -1, -1, 1, 2),
        (2, 8, 8): (0, 0, 0, 1, 0, 0, 0, -1),
        (2, 9, 10): (0, 0, 0, 0, 1, 0, 0, -2),
        (2, 10, 9): (0, 0, 0, 0, 0, 1, 0, -2),
    }
)


@checked
def orbit_adjacency(A: GraphLike, key: Key, *, threads: int | None = None) -> sparse.csr_array:
    """One orbit adjacency matrix: in how many induced copies of a graphlet each pair of nodes sits on two orbits.

    Row ``u``, column ``v``: copies with ``u`` on orbit ``o1`` and ``v`` on orbit ``o2``, ``hop`` edges apart in the
    graphlet, for ``key = (hop, o1, o2)``.

    Args:
        A: a simple undirected graph in any form that `as_adjacency` takes.
        threads: rows are shared among so many; as many as torch uses unless given.

    Returns:
        ``[nodes, nodes]`` of integers, indices sorted, no zeros kept: int32 where the square of the largest degree,
        which no count exceeds, fits; otherwise int64.

    Raises:
        InputError: no simple undirected graph with an edge, weights other than 1, or an unknown key.

    Source: Windels, Malod-Dognin and Przulj 2024; orbits as Przulj 2007 numbers them.

    >>> import networkx as nx
    >>> orbit_adjacency(nx.complete_bipartite_graph(2, 3), (2, 8, 8)).sum()
    np.int64(12)
    """
    check_key(key)
    return _matrix(Network.of(A, threads), key)


@checked
def orbit_adjacencies(
    A: GraphLike, keys: Iterable[Key] | None = None, *, threads: int | None = None
) -> Iterator[tuple[Key, sparse.csr_array]]:
    """Orbit adjacency matrices one after another, ``(key, matrix)``; what they share is counted once.

    Only the matrix at hand is in memory, so that the largest bounds it: usually ``(3, 4, 4)``. Use
    ``dict(orbit_adjacencies(A))`` to keep all.

    Args:
        keys: which, in this order; all 28 of `KEYS` unless given.

    Raises:
        InputError: as `orbit_adjacency`, at once and not only when the first matrix is asked for.

    >>> from netopsy.data.graphs import graph
    >>> found = {key: int(matrix.sum()) for key, matrix in orbit_adjacencies(graph("karate"))}
    >>> len(found), found[1, 1, 2], found[3, 4, 4]
    (28, 786, 1362)
    """
    wanted = KEYS if keys is None else tuple(check_key(key) for key in keys)
    require(len(wanted) > 0, "keys must name at least one orbit pair, got none")
    network = Network.of(A, threads)
    return ((key, _matrix(network, key)) for key in track(wanted, "counting orbit adjacencies"))


def edge_value(network: Network, key: Key) -> Counts:
    """One matrix whose entries lie on edges, by position. Names are those of the closed forms."""
    hop, first, second = key
    if first > second:
        return edge_value(network, (hop, second, first))[network.twins]
    twins, T = network.twins, network.triangles.astype(np.int64)
    P12 = network.degrees[network.columns] - 1 - T
    if key == (1, 0, 0):
        return np.ones_like(T)
    if key == (1, 3, 3):
        return T
    if key == (1, 1, 2):
        return P12
    q = network.cliques
    if key == (1, 14, 14):
        return q
    if key == (1, 13, 13):
        return T * (T - 1) // 2 - q
    corners, arms = network.triangle_sums
    X = corners[twins] - T - 2 * q
    if key == (1, 12, 13):
        return X
    if key == (1, 10, 10):
        return arms - X
    if key == (1, 10, 11):
        return T * P12 - X
    if key in ((1, 9, 11), (1, 6, 7)):
        pendants = (network.summed(T)[network.columns] - T - corners[twins] - X) // 2
        return pendants if key == (1, 9, 11) else P12 * (P12 - 1) // 2 - pendants
    Y = network.cycles - X - X[twins] - 2 * q
    if key == (1, 8, 8):
        return Y
    if key == (1, 5, 5):
        return P12 * P12[twins] - Y
    return network.summed(P12)[network.columns] - P12[twins] - arms[twins] - Y


def _matrix(network: Network, key: Key) -> sparse.csr_array:
    if key[0] == 1:
        return network.on_edges(edge_value(network, key))
    if key in ((2, 1, 1), (2, 12, 12)):
        return (network.paths if key == (2, 1, 1) else network.diamonds).matrix().copy()
    from netopsy.graphs.graphlet_orbits._row_kernels import three_apart, two_apart

    kind, paths = network.values_type, network.paths.parts
    given = (network.starts, network.columns, network.triangles, paths, *network.diamonds.parts)
    if key[0] == 2:
        bounds, form = np.diff(paths[0]), np.array(_TWO_APART[key], np.int64)
        return sweep(two_apart, (*given, form), bounds, kind, network.threads).matrix()
    row = np.zeros(network.nodes, kind)
    return sweep(three_apart, (*given, row), network.walks(3), kind, network.threads).matrix()
