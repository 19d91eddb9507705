"""What a recipe asks of somebody's graph before any work is done."""

from __future__ import annotations

from netopsy.core.errors import require
from netopsy.data.graph_weights import is_weighted
from netopsy.data.graphs import Graph

UNWEIGHTED = " The weights of the edges are left aside: each counts as 1."


def check_graph(
    graph: Graph, *, called: str = "the graph", least: int = 1, nodes: int = 1_000_000, edges: int = 5_000_000
) -> None:
    """Raise `InputError` for a graph that is too small to say anything, or too large for a visitor's patience.

    Args:
        called: what to call it.
        least: edges that it must have.
        nodes, edges: the most that it may have.

    >>> from netopsy.data.graphs import graph
    >>> check_graph(graph("karate"), edges=50)
    Traceback (most recent call last):
    netopsy.core.errors.InputError: the graph must have at most 50 edges here, and this one has 78
    """
    found = graph.edge_count
    require(found > 0 or least < 1, f"{called} must have an edge, and this one has none")
    require(found >= least, f"{called} must have at least {least:,} edges, and this one has {found:,}")
    require(found <= edges, f"{called} must have at most {edges:,} edges here, and this one has {found:,}")
    require(len(graph) <= nodes, f"{called} must have at most {nodes:,} nodes here, and this one has {len(graph):,}")


def weights_note(graph: Graph) -> str:
    """A sentence to add where a method does not look at the weights of a graph that has some."""
    return UNWEIGHTED if is_weighted(graph) else ""
