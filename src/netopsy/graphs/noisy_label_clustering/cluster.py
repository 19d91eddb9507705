"""The cluster around seeds: flow diffusion for growing sources, the best cut kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.drawing import INK, PALETTE, panel, style
from netopsy.core.errors import lookup, require
from netopsy.graphs.adjacency import GraphLike, as_adjacency
from netopsy.graphs.drawing import SMALL, draw_edges, draw_names, edge_ends, layout, node_names
from netopsy.graphs.noisy_label_clustering._region import PASSES, READ
from netopsy.graphs.noisy_label_clustering._spread import OverfullError, Spread, check_nodes
from netopsy.graphs.noisy_label_clustering.cuts import best_cut, known_volume
from netopsy.graphs.noisy_label_clustering.diffusion import check_capacity, check_effort, settle
from netopsy.graphs.noisy_label_clustering.graph import CheckedGraph, Labels, local_graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 600
"""Nodes that are drawn at most; of larger clusters and surroundings those are that have most edges into the cluster."""
BY_SIZE = tuple(1.1 + 0.5 * step for step in range(8))
"""The multiples of ``size_hint`` that are scanned: 1.1, 1.6, ... 4.6 (where the paper's grid ends is unconfirmed)."""
BY_VOLUME = tuple(1.5 + 0.25 * step for step in range(15))
"""The multiples of ``volume_hint`` that are scanned: 1.5, 1.75, ... 5 (those of the authors' earlier code)."""


@dataclass(frozen=True)
class Scan:
    """One source of the scan."""

    alpha: float
    """The source as a multiple of the hint."""
    size: int
    """Nodes of the support, or of the best cut along it."""
    conductance: float
    passes: int
    """Passes so far; each source goes on from the one before."""
    touched_edges: int
    converged: bool


@dataclass(frozen=True, eq=False)
class Cluster:
    """A cluster around seeds, and the scan that found it."""

    nodes: Int[np.ndarray, "found"]
    """Ascending."""
    conductance: float
    """In the graph that the mass flowed in: the one with labels, where there are any."""
    alpha: float
    path: tuple[Scan, ...]
    """What every source led to, in the order of the scan."""

    def __len__(self) -> int:
        return len(self.nodes)

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """Conductance and size for every source of the scan; the cluster's is ringed."""
        ax = panel(ax, 3.6, 4.4)
        scanned = np.array([(scan.alpha, scan.conductance) for scan in self.path])
        ax.plot(*scanned.T, "o-", color=PALETTE[0], markersize=6)
        ax.plot(self.alpha, self.conductance, "o", color=PALETTE[1], markersize=9, fillstyle="none")
        # Every second size, above its point: all of them would run into each other.
        above: Any = {"textcoords": "offset points", "ha": "center", "fontsize": 7, "color": INK}
        for scan in self.path[:: max(1, len(self.path) // 6)]:
            ax.annotate(f"{scan.size:,}", (scan.alpha, scan.conductance), (0, 7), **above)
        ax.set(xlabel="source, as a multiple of the hint", ylabel="conductance", ylim=(0, 1.08))
        ax.set_title("nodes found; ringed: the cluster")
        return ax

    @style()
    def plot_graph(
        self, ax: Axes | None = None, *, graph: GraphLike, seeds: Sequence[int] = (), layout_seed: int = 0
    ) -> Axes:
        """The cluster in its graph: in all of it while that is small, otherwise with the nodes next to it."""
        ax = panel(ax, 5.4, 4.4)
        adjacency = as_adjacency(graph, loops=True)
        shown = self._drawn_nodes(adjacency, seeds)
        near = sparse.csr_array(adjacency[shown][:, shown])
        places, ends = layout(near, layout_seed), edge_ends(near)
        inside, first = np.isin(shown, self.nodes), np.isin(shown, seeds)
        within = inside[ends].all(0)
        faint = float(np.clip(60 / np.sqrt(ends.shape[1] + 1), 0.08, 0.6))
        draw_edges(ax, places, ends[:, ~within], colors=INK, linewidths=0.6, alpha=faint, zorder=1)
        bold = min(1.0, 2 * faint)
        draw_edges(ax, places, ends[:, within], colors=PALETTE[0], linewidths=0.8, alpha=bold, zorder=2)
        size = float(np.clip(5000 / len(shown), 12, 160))
        for chosen, color, text, alpha in (
            (~inside, PALETTE[5], "others" if len(shown) == adjacency.shape[0] else "next to it", 0.55),
            (inside & ~first, PALETTE[0], "cluster", 1.0),
            (first, PALETTE[1], "seed", 1.0),
        ):
            x, y = places[chosen].T
            ax.scatter(x, y, size, color=color, label=text, zorder=3, linewidths=0, alpha=alpha)
        names = node_names(graph)
        draw_names(ax, places, (names[node] for node in shown.tolist()), 0.6 * np.sqrt(size))
        ax.margins(0.06)
        ax.set_axis_off()
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, labelcolor=INK)
        return ax

    def _drawn_nodes(self, adjacency: sparse.csr_array, seeds: Sequence[int]) -> Int[np.ndarray, "shown"]:
        nodes = int(adjacency.shape[0])
        if nodes <= SMALL:
            return np.arange(nodes)
        ties = np.asarray(adjacency[self.nodes].sum(axis=0)).reshape(-1)
        ties[self.nodes] += nodes
        ties[list(seeds)] += 2 * nodes
        most = np.argsort(-ties, kind="stable")[:_MOST]
        return np.sort(most[ties[most] > 0])


@checked
def local_cluster(
    graph: Any,
    seeds: Any,
    *,
    labels: Labels | None = None,
    eps: float = 0.05,
    weights: Any = None,
    size_hint: float | int | None = None,
    volume_hint: float | int | None = None,
    alphas: Sequence[float] | None = None,
    select: str = "conductance",
    volume: float | int | None = None,
    most: float | int | None = None,
    tol: float = 1e-4,
    max_passes: int = 100,
) -> Cluster:
    """The cluster around one or several seeds, found without looking at the rest of the graph.

    Mass of ``alpha`` times the hint is put on the seeds for one alpha after another, each going on where the one before
    came to rest. Of the supports the one of lowest conductance is the cluster. One of more than half of all nodes, if
    there is such a number, is taken only if no smaller one is a cut: its conductance is that of the other side. A
    source that does not fit into the seeds' component ends the scan.

    Args:
        graph: from `checked_graph`, or a function that tells a node's neighbours, or any graph `checked_graph` takes;
            the last is checked at every call, which reads all of it.
        seeds: a node or several, which share the source evenly; they count as labelled 1.
        labels: guesses of 0 or 1 whether nodes belong to the cluster; only those of touched nodes are read.
        eps: the weight of edges between different labels.
        weights: other weights instead, see `flow_diffusion`.
        size_hint: about how many nodes the cluster has; every node then holds a mass of 1.
        volume_hint: about what its nodes' degrees add up to; every node then holds its degree. Give one of the two.
        alphas: the multiples to scan, ascending; `BY_SIZE` or `BY_VOLUME` if not given.
        select: "conductance" compares the supports, "sweep" the best cut along the heights of each.
        volume: of the whole graph with these labels, where it is known; without it, and with labels, the cluster counts
            as the smaller side of the cut.
        most: supports of more than so many nodes are chosen only if there is no smaller one that is a cut, either.
        tol, max_passes: of every source, see `flow_diffusion`.

    Raises:
        InputError: both hints or none, no ascending positive alphas, bad seeds or labels, or even the first source is
            more than the seeds' component holds.

    Source: section 4, the experiments' protocol. How several seeds share the source is unconfirmed.

    >>> from netopsy.data.graphs import graph
    >>> found = local_cluster(graph("karate"), 16, volume_hint=18, alphas=(1.5, 2.0))
    >>> found.nodes.tolist(), found.conductance
    ([4, 5, 6, 10, 16], 0.25)
    """
    check_effort(tol, max_passes)
    require((size_hint is None) != (volume_hint is None), "give one of size_hint and volume_hint")
    hint = size_hint if size_hint is not None else volume_hint
    assert hint is not None
    require(np.isfinite(hint) and hint > 0, f"size_hint or volume_hint must be positive, got {hint}")
    scanned = tuple(alphas) if alphas is not None else (BY_VOLUME if size_hint is None else BY_SIZE)
    ascending = all(low < high for low, high in pairwise(scanned))
    require(scanned and scanned[0] > 0 and ascending, f"alphas must be positive and ascending, got {scanned}")
    by_sweep = lookup("select", select, {"conductance": False, "sweep": True})
    sink = "degree" if size_hint is None else "one"
    spread = Spread(local_graph(graph), sink=sink, labels=labels, eps=eps, weights=weights)
    start = check_nodes(spread.graph, seeds, "seeds").tolist()
    path: list[Scan] = []
    half = len(spread.graph) / 2 if isinstance(spread.graph, CheckedGraph) else math.inf
    largest = half if most is None else min(half, most)
    best, before = np.zeros(0, np.int64), 0.0
    for alpha in scanned:
        try:
            check_capacity(spread, alpha * hint)
            spread.put(dict.fromkeys(start, (alpha - before) * hint / len(start)))
            converged = settle(spread, tol, max_passes)
        except OverfullError:
            if not path:
                raise
            break
        before = alpha
        nodes, found = _cut(spread, by_sweep, volume)
        path.append(Scan(alpha, len(nodes), found, spread.count(PASSES), spread.count(READ), converged))
        best = nodes if _best(path, largest) is path[-1] else best
    chosen = _best(path, largest)
    return Cluster(np.sort(best), chosen.conductance, chosen.alpha, tuple(path))


def _best(path: Sequence[Scan], largest: float | int) -> Scan:
    """Of lowest conductance, if possible among cuts of at most so many nodes."""
    return min(path, key=lambda scan: (scan.size > largest or scan.conductance >= 1, scan.conductance))


def _cut(spread: Spread, by_sweep: bool, volume: float | int | None) -> tuple[np.ndarray, float]:
    """The support or the best cut along it, and its conductance."""
    nodes, heights = spread.touched("node"), spread.touched("height")
    places = np.flatnonzero(heights > 0)
    require(places.size > 0, "the source is no more than the seeds hold: make the hint or the alphas larger")
    if by_sweep:
        places = places[np.lexsort((nodes[places], -heights[places]))]
    found = spread.conductance(places, known_volume(spread, volume))
    if by_sweep:
        cut = best_cut(nodes[places], found)
        return cut.nodes, cut.conductance
    return nodes[places], float(found[-1])
