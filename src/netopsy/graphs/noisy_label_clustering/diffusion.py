"""Flow diffusion: mass put on a few nodes settles where every node holds no more than its sink."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.numbers import as_floats
from netopsy.graphs.noisy_label_clustering import _kernels as kernels
from netopsy.graphs.noisy_label_clustering._region import PASSES, PUSHES, READ
from netopsy.graphs.noisy_label_clustering._spread import OverfullError, Sink, Spread, check_nodes
from netopsy.graphs.noisy_label_clustering.graph import CheckedGraph, Labels


@dataclass(frozen=True, eq=False)
class FlowResult:
    """Where the mass came to rest, for the nodes that were touched."""

    nodes: Int[np.ndarray, "touched"]
    """Their numbers, ascending."""
    heights: Float[np.ndarray, "touched"]
    """The dual solution x: how much each pushed, per weighted degree; 0 for nodes that pushed nothing."""
    mass: Float[np.ndarray, "touched"]
    """What each holds at the end."""
    support: Int[np.ndarray, "found"]
    """The nodes with x > 0, ascending: the cluster."""
    passes: int
    """Times the queue was gone through."""
    pushes: int
    touched_edges: int
    """Entries of the rows that were read."""
    converged: bool
    """Whether every node holds at most its sink plus the tolerance."""

    def __getitem__(self, node: int | np.integer) -> float:
        """The height of a node, 0 if it was not touched."""
        place = int(np.searchsorted(self.nodes, node))
        found = place < len(self.nodes) and self.nodes[place] == node
        return float(self.heights[place]) if found else 0.0


@checked
def flow_diffusion(
    graph: Any,
    source: Any,
    *,
    sink: Sink = "one",
    labels: Labels | None = None,
    eps: float = 0.05,
    weights: Any = None,
    tol: float = 1e-4,
    max_passes: int = 100,
) -> FlowResult:
    """Minimise ``x L_w x / 2 - x (source - sink)`` over x >= 0 by pushes, touching only nodes that mass reaches.

    A node that holds more than its sink pushes the excess to its neighbours in proportion to the edges' weights, and
    nodes push in the order in which they got too much. Heights rise towards the solution, so the support is always
    part of the true one. The work depends on the source and not on the graph's size, as long as the graph is a
    `CheckedGraph` or a function; other graphs are checked, which reads all of them.

    Args:
        graph: from `checked_graph`, or a function that tells a node's neighbours, or any graph `checked_graph` takes.
        source: mass by node, a mapping or an array ``[nodes]``. The nodes that have some are the seeds.
        sink: what a node can hold: "one", its "degree" in the graph as given, or numbers by node. Neither labels nor
            ``weights`` change that degree; of a graph that was checked with its weights it is the weighted one.
        labels: 0 or 1 for each node; edges between different labels get weight ``eps``. Seeds count as 1. They are read
            and checked at touched nodes alone. Integers or booleans, an array, a mapping or a function.
        eps: that weight; 1 ignores the labels, 0 cuts the graph.
        weights: other weights instead: one for each entry of the matrix (checked, which reads all of them), or a
            function of a node that tells those of its row.
        tol: how much more than its sink a node may hold at the end.
        max_passes: how many times the queue is gone through before giving up; the result then says it did not converge.

    Raises:
        InputError: no or negative source, labels that are not 0 or 1, a negative eps, a seed without edges, or more
            source than the sinks of its component hold.

    Source: section 2, flow diffusion; the solver is exact coordinate descent (Fountoulakis, Wang and Yang 2020).

    >>> from netopsy.graphs.noisy_label_clustering import checked_graph
    >>> path = checked_graph(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> found = flow_diffusion(path, {0: 2.5}, tol=1e-9)
    >>> found.heights.round(6).tolist(), found.mass.round(6).tolist()
    ([2.0, 0.5, 0.0], [1.0, 1.0, 0.5])
    """
    check_effort(tol, max_passes)
    spread = Spread(graph, sink=sink, labels=labels, eps=eps, weights=weights)
    put = source_of(spread, source)
    check_capacity(spread, sum(put.values()))
    spread.put(put)
    return result_of(spread, settle(spread, tol, max_passes))


def settle(spread: Spread, tol: float, max_passes: int) -> bool:
    """Push until the mass rests or so many more passes are made; whether it rests."""
    most = spread.count(PASSES) + max_passes
    return spread.run(kernels.settle, kernels.settle_in_memory, float(tol), most)


def result_of(spread: Spread, converged: bool) -> FlowResult:
    """What a spread came to."""
    nodes, heights, mass = (spread.touched(name) for name in ("node", "height", "mass"))
    mass = mass + spread.touched("sink")
    order = np.argsort(nodes)
    return FlowResult(
        nodes=nodes[order],
        heights=heights[order],
        mass=mass[order],
        support=np.sort(nodes[heights > 0]),
        passes=spread.count(PASSES),
        pushes=spread.count(PUSHES),
        touched_edges=spread.count(READ),
        converged=converged,
    )


def source_of(spread: Spread, source: Any) -> dict[int, float]:
    """The source as mass by node, checked; nodes without mass are left out."""
    if not isinstance(source, Mapping):
        values = as_floats(source, "source")
        require(values.ndim == 1, f"source must have one entry a node, got shape {values.shape}")
        size = len(spread.graph) if isinstance(spread.graph, CheckedGraph) else len(values)
        require(values.shape == (size,), f"source must have one entry for each of the {size} nodes, got {values.shape}")
        source = {int(node): float(values[node]) for node in np.flatnonzero(values)}
    require(len(source) > 0, "source must put mass on at least one node, got none")
    nodes = list(source)
    check_nodes(spread.graph, nodes, "source")
    masses = [float(mass) for mass in source.values()]
    sound = all(np.isfinite(masses)) and min(masses) >= 0
    require(sound and max(masses) > 0, f"source must be finite, not negative, and positive somewhere, got {masses}")
    return {int(node): mass for node, mass in zip(nodes, masses, strict=True) if mass > 0}


def check_capacity(spread: Spread, total: float) -> None:
    """Raise `InputError` if even the whole graph cannot hold so much, where that is known without reading it."""
    if isinstance(spread.graph, CheckedGraph) and isinstance(spread.sink, str):
        capacity = float(len(spread.graph)) if spread.sink == "one" else float(spread.graph.capacity)
        if total > capacity * (1 + 1e-12):
            raise OverfullError(f"source must not exceed what the sinks hold: {total:g} is more than {capacity:g}")


def check_effort(tol: float, max_passes: int) -> None:
    """Raise `InputError` unless the tolerance and the number of passes can be used."""
    require(np.isfinite(tol) and tol > 0, f"tol must be a positive number, got {tol}")
    require(max_passes >= 1, f"max_passes must be at least 1, got {max_passes}")
