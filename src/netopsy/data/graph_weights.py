"""A graph by its edges alone."""

from __future__ import annotations

from dataclasses import replace

from netopsy.data.graphs import Graph


def is_weighted(graph: Graph) -> bool:
    """Whether an edge has another weight than 1."""
    return bool((graph.adjacency.data != 1).any())


def unweighted(graph: Graph) -> Graph:
    """The same graph with every edge 1.

    >>> from netopsy.data.graphs import graph
    >>> is_weighted(unweighted(graph("karate", weighted=True)))
    False
    """
    adjacency = graph.adjacency.copy()
    adjacency.eliminate_zeros()
    adjacency.data[:] = 1
    return replace(graph, adjacency=adjacency)
