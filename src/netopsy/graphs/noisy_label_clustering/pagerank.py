"""Approximate personalised PageRank by pushes, on labelled graphs too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.noisy_label_clustering import _kernels as kernels
from netopsy.graphs.noisy_label_clustering._region import PUSHES, READ
from netopsy.graphs.noisy_label_clustering._spread import Spread, check_nodes
from netopsy.graphs.noisy_label_clustering.cuts import SweepCut, best_cut, known_volume
from netopsy.graphs.noisy_label_clustering.graph import CheckedGraph, Labels, local_graph


@dataclass(frozen=True, eq=False)
class PageRankResult:
    """Personalised PageRank of the nodes that were touched, and the best cut by it."""

    nodes: Int[np.ndarray, "touched"]
    """Their numbers, ascending."""
    values: Float[np.ndarray, "touched"]
    """Never more than the true PageRank."""
    residuals: Float[np.ndarray, "touched"]
    """Mass not yet walked; less than the tolerance times the weighted degree."""
    cut: SweepCut
    """The sweep over values divided by weighted degrees."""
    pushes: int
    touched_edges: int


@checked
def approximate_pagerank(
    graph: Any,
    seeds: Any,
    *,
    teleport: float = 0.15,
    tol: float = 1e-5,
    labels: Labels | None = None,
    eps: float = 0.05,
    weights: Any = None,
    volume: float | int | None = None,
) -> PageRankResult:
    """Personalised PageRank from seeds to within ``tol`` times a node's weighted degree, and the sweep cut by it.

    Work grows with ``1 / (teleport tol)`` and not with the graph. The walk is the plain one, without the laziness of
    the source, whose ``alpha`` corresponds to a teleport of ``2 alpha / (1 + alpha)``.

    Args:
        seeds: a node or several that share the mass of 1 evenly.
        teleport: the chance of going back to the seeds at every step.
        graph, labels, eps, weights: as of `flow_diffusion`.
        volume: as of `sweep_cut`.

    Raises:
        InputError: a teleport that is not between 0 and 1, a tolerance that is not positive, or bad seeds.

    Source: Andersen, Chung and Lang, Local Graph Partitioning using PageRank Vectors, FOCS 2006; a baseline of section
    4.

    >>> two = approximate_pagerank(np.array([[0, 1], [1, 0]]), 0, teleport=0.5, tol=1e-9)
    >>> two.values.round(6).tolist()
    [0.666667, 0.333333]
    """
    require(0 < teleport < 1, f"teleport must lie between 0 and 1, got {teleport}")
    require(np.isfinite(tol) and tol > 0, f"tol must be a positive number, got {tol}")
    checked = local_graph(graph)
    # Before a node's row is read, its weighted degree is known to be at least eps times the degree in some graphs.
    known = isinstance(checked, CheckedGraph) and checked.plain and weights is None
    sink = "degree" if known else "one"
    spread = Spread(checked, sink=sink, labels=labels, eps=eps, weights=weights, from_zero=True)
    least = min(spread.eps, 1.0) if known else 0.0
    start = check_nodes(spread.graph, seeds, "seeds")
    spread.put({int(node): 1.0 / len(start) for node in start})
    spread.run(kernels.walk, kernels.walk_in_memory, float(teleport), float(tol), least)
    return _result(spread, volume)


def _result(spread: Spread, volume: float | int | None) -> PageRankResult:
    nodes, values, residuals, degrees = (spread.touched(name) for name in ("node", "height", "mass", "degree"))
    walked = np.flatnonzero(values > 0)
    require(walked.size > 0, "tol is so large that no node is reached: make it smaller")
    by_degree = values[walked] / degrees[walked]
    places = walked[np.lexsort((nodes[walked], -by_degree))]
    cut = best_cut(nodes[places], spread.conductance(places, known_volume(spread, volume)))
    order = np.argsort(nodes)
    return PageRankResult(
        nodes=nodes[order],
        values=values[order],
        residuals=residuals[order],
        cut=cut,
        pushes=spread.count(PUSHES),
        touched_edges=spread.count(READ),
    )
