"""A graph drawn: its layout, its edges and the names of its nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from netopsy.core.drawing import INK, label
from netopsy.graphs.adjacency import GraphLike, as_adjacency

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL = 200
"""Nodes up to which a layout is drawn."""
NAMED = 40
"""Nodes up to which they are named in it."""

Places = Float[np.ndarray, "nodes 2"]


def layout(graph: GraphLike, seed: int = 0) -> Places:
    """Places of the nodes, neighbours near each other."""
    import networkx as nx

    adjacency = as_adjacency(graph, weighted=True, loops=True)
    nodes = adjacency.shape[0]
    network: Any = nx.from_scipy_sparse_array(adjacency)
    places = nx.spring_layout(network, seed=seed, k=2.2 / np.sqrt(nodes), iterations=200)
    return np.array([places[node] for node in range(nodes)])


def edge_ends(graph: GraphLike) -> Int[np.ndarray, "2 edges"]:
    """The nodes of every edge, each edge once."""
    edges = sparse.coo_array(sparse.triu(as_adjacency(graph, weighted=True, loops=True)))
    return np.stack([edges.row, edges.col])


def draw_edges(ax: Axes, places: Places, ends: Int[np.ndarray, "2 edges"], **options: Any) -> None:
    """Lines between the ends; ``options`` go to `LineCollection`."""
    from matplotlib.collections import LineCollection

    ax.add_collection(LineCollection(list(places[ends].transpose(1, 0, 2)), **options))


def draw_names(ax: Axes, places: Places, names: Iterable[str], lift: float = 4.0) -> None:
    """Every node's name so many points above its place, in a graph of at most `NAMED` nodes."""
    options: Any = {"textcoords": "offset points", "ha": "center", "fontsize": 6, "color": INK}
    if len(places) <= NAMED:
        for place, name in zip(places.tolist(), names, strict=True):
            ax.annotate(label(name), place, (0, lift), **options)


def node_names(graph: GraphLike) -> tuple[str, ...]:
    """What the nodes are called, as far as the graph says; otherwise their numbers."""
    names = getattr(graph, "names", None)
    if names is None and hasattr(graph, "adj"):  # a networkx graph
        names = map(str, graph)
    return tuple(names) if names is not None else tuple(map(str, range(as_adjacency(graph, loops=True).shape[0])))
