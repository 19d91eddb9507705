"""Graphlet orbits (Windels, Malod-Dognin and Przulj 2024): what sits where in the small subgraphs of a graph.

All 28 orbit adjacencies of graphlets of up to four nodes, exactly; what they add up to; which mixtures of them random
walks see; and node features from either.
"""

from netopsy.graphs.graphlet_orbits.degree_vectors import (
    counts_from_vectors,
    edge_graphlet_degree_vectors,
    graphlet_adjacency,
    graphlet_counts,
    graphlet_degree_vectors,
)
from netopsy.graphs.graphlet_orbits.embeddings import embed, gopmi, random_walk_pmi
from netopsy.graphs.graphlet_orbits.keys import (
    EDGE_KEYS,
    GRAPHLETS,
    KEYS,
    MIXTURES,
    ORBITS,
    UNSEEN,
    Key,
    keys_of_graphlet,
)
from netopsy.graphs.graphlet_orbits.matrices import orbit_adjacencies, orbit_adjacency
from netopsy.graphs.graphlet_orbits.pictures import plot_degree_vectors
from netopsy.graphs.graphlet_orbits.walks import walk_decomposition

__all__ = [
    "EDGE_KEYS",
    "GRAPHLETS",
    "KEYS",
    "MIXTURES",
    "ORBITS",
    "UNSEEN",
    "Key",
    "counts_from_vectors",
    "edge_graphlet_degree_vectors",
    "embed",
    "gopmi",
    "graphlet_adjacency",
    "graphlet_counts",
    "graphlet_degree_vectors",
    "keys_of_graphlet",
    "orbit_adjacencies",
    "orbit_adjacency",
    "plot_degree_vectors",
    "random_walk_pmi",
    "walk_decomposition",
]
