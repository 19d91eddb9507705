"""Conductance, and the best cut along an order of nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.numbers import as_floats
from netopsy.graphs.noisy_label_clustering._spread import Spread, check_nodes
from netopsy.graphs.noisy_label_clustering.graph import CheckedGraph, Labels, local_graph


@dataclass(frozen=True, eq=False)
class SweepCut:
    """The set of lowest conductance among those of the highest scores."""

    nodes: Int[np.ndarray, "found"]
    """Ascending."""
    conductance: float
    order: Int[np.ndarray, "scored"]
    """All scored nodes, highest score first."""
    conductances: Float[np.ndarray, "scored"]
    """Of the first one, two, ... of them."""


@checked
def conductance(
    graph: Any,
    nodes: Any,
    *,
    labels: Labels | None = None,
    eps: float = 0.05,
    weights: Any = None,
    volume: float | int | None = None,
) -> float:
    """The weight of the edges that leave a set of nodes over the volume of the set or of the rest, the smaller.

    Only the rows of the set are read. What the rest's volume needs is the volume of the whole graph: known of a
    `CheckedGraph` without labels, otherwise to be given; without it the set counts as the smaller side.

    Args:
        graph, labels, eps, weights: as of `flow_diffusion`; seeds have no say here, labels are used as they are.
        volume: the sum of all weights of the graph with these labels, each edge counted at both ends.

    Returns:
        From 0 to 1; 1 for a set without edges and for the whole graph.

    Raises:
        InputError: no nodes, or nodes that are not in the graph.

    >>> path = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> conductance(path, [0]), round(conductance(path, [0, 1], labels=[1, 1, 0], volume=2.1), 6)
    (1.0, 1.0)
    >>> round(conductance(path, [0, 1], labels=[1, 1, 0]), 6)
    0.02439
    """
    spread = Spread(local_graph(graph), sink="one", labels=labels, eps=eps, weights=weights)
    places = spread.open_all(check_nodes(spread.graph, nodes, "nodes"))
    return float(spread.conductance(places, known_volume(spread, volume))[-1])


@checked
def sweep_cut(
    graph: Any,
    scores: Any,
    *,
    labels: Labels | None = None,
    eps: float = 0.05,
    weights: Any = None,
    volume: float | int | None = None,
) -> SweepCut:
    """The set of lowest conductance among the nodes of highest score: the first one, two, three and so on.

    Nodes with score 0 are left out; of equal scores the smaller number comes first. Where the graph is not known to
    hold more (see `conductance`), the last set is one with all scored nodes.

    Args:
        scores: not negative, a mapping by node or an array ``[nodes]``: heights of `flow_diffusion`, or values of
            `approximate_pagerank` over the nodes' weighted degrees.

    Raises:
        InputError: no positive score, negative or infinite ones, or nodes that are not in the graph.

    >>> path = np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]])
    >>> sweep_cut(path, {0: 1.0, 1: 2.0, 2: 0.5}).nodes.tolist()
    [0, 1]
    """
    spread = Spread(local_graph(graph), sink="one", labels=labels, eps=eps, weights=weights)
    nodes, values = _scores(spread, scores)
    order = np.lexsort((nodes, -values))
    found = spread.conductance(spread.open_all(nodes[order]), known_volume(spread, volume))
    return best_cut(nodes[order], found)


def best_cut(order: Int[np.ndarray, "scored"], found: Float[np.ndarray, "scored"]) -> SweepCut:
    """The cut of lowest conductance, the smallest set of several."""
    best = int(np.argmin(found))
    return SweepCut(np.sort(order[: best + 1]), float(found[best]), order, found)


def known_volume(spread: Spread, volume: float | int | None) -> float:
    """The volume of the whole graph as the spread weighs it: as given, as known, or endless."""
    if volume is not None:
        require(volume > 0, f"volume must be positive, got {volume}")
        return float(volume)
    plain = isinstance(spread.graph, CheckedGraph) and spread.row_weights is None
    if plain and (spread.labels is None or spread.eps == 1.0):
        return float(spread.graph.volume)  # type: ignore[union-attr]
    return math.inf


def _scores(spread: Spread, scores: Any) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(scores, Mapping):
        nodes = np.array(list(scores), dtype=np.int64)
        values = np.array([float(scores[int(node)]) for node in nodes], dtype=np.float64)
    else:
        values = as_floats(scores, "scores")
        require(values.ndim == 1, f"scores must have one entry a node, got shape {values.shape}")
        size = len(spread.graph) if isinstance(spread.graph, CheckedGraph) else len(values)
        require(values.shape == (size,), f"scores must have one entry for each of the {size} nodes, got {values.shape}")
        nodes = np.arange(size)
    require(np.isfinite(values).all() and (values >= 0).all(), "scores must be finite and not negative")
    require((values > 0).any(), "scores must be positive somewhere")
    kept = values > 0
    check_nodes(spread.graph, nodes[kept], "scores")
    return nodes[kept], values[kept]
