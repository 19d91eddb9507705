"""Which orbit adjacencies random walks see, and in which fixed mixture."""

from __future__ import annotations

from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.graphlet_orbits.keys import MIXTURES, Key
from netopsy.graphs.graphlet_orbits.matrices import orbit_adjacencies


@checked
def walk_decomposition(A: GraphLike, length: int) -> dict[Key, sparse.csr_array]:
    """What the walks of a length are made of: orbit adjacencies, each times how often such walks count it.

    The sum of the matrices is the power of the adjacency matrix, without its diagonal. Of the 28 matrices 15 appear for
    no length up to 3, among them all of the claw: walks over up to four nodes cannot see them, and the 13 others only
    in these mixtures.

    Args:
        length: edges of a walk, 1 to 3.

    Raises:
        InputError: as `orbit_adjacency`, or another length.

    Source: the paper's theorem; its own wording is unconfirmed, the identity is exact and tested.

    >>> import networkx as nx
    >>> parts = walk_decomposition(nx.complete_graph(4), 3)
    >>> {key: part.toarray()[0, 1].item() for key, part in parts.items() if part.nnz}
    {(1, 14, 14): 2, (1, 0, 0): 1, (1, 3, 3): 4}
    """
    require(length in MIXTURES, f"length must be 1, 2 or 3, got {length!r}")
    mixture = MIXTURES[length]
    return {key: sparse.csr_array(matrix * mixture[key]) for key, matrix in orbit_adjacencies(A, mixture)}
