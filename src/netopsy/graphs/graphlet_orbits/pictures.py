"""Graphlet degree vectors to look at: over a small graph's layout, otherwise how they are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from netopsy.core.drawing import INK, figure_grid, style
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.drawing import SMALL, draw_edges, draw_names, edge_ends, layout, node_names
from netopsy.graphs.graphlet_orbits.keys import ORBITS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DRAWN = (2, 3, 7)
"""Orbits by which a small graph is coloured: the middle of a path, a triangle, the centre of a claw."""


def plot_degree_vectors(graph: GraphLike, vectors: Int[np.ndarray, "nodes orbits"], *, seed: int = 0) -> Figure:
    """What `graphlet_degree_vectors` says of a graph: three orbits over its layout, or every orbit's distribution."""
    if len(vectors) <= SMALL:
        return coloured_layouts(
            graph, vectors[:, _DRAWN], [f"orbit {orbit}: {ORBITS[orbit]}" for orbit in _DRAWN], seed
        )
    return distributions(vectors, [f"{orbit}: {name}" for orbit, name in enumerate(ORBITS)])


@style()
def coloured_layouts(graph: GraphLike, values: np.ndarray, titles: Sequence[str], seed: int = 0) -> Figure:
    """The graph once for each column of ``values``, every node coloured by its value there, on a square-root scale."""
    from matplotlib.colors import PowerNorm
    from matplotlib.ticker import MaxNLocator

    drawn, axes = figure_grid(1, len(titles), 4.6 * len(titles), 4.2)
    places, ends, names = layout(graph, seed), edge_ends(graph), node_names(graph)
    size = float(np.clip(6000 / len(places), 18, 220))
    for ax, title, own in zip(axes[0], titles, values.T, strict=True):
        draw_edges(ax, places, ends, colors=INK, linewidths=0.7, alpha=0.5, zorder=1)
        norm = PowerNorm(0.5, 0, max(1, own.max()))
        shown = ax.scatter(*places.T, size, own, norm=norm, zorder=2, edgecolors=INK, linewidths=0.5)
        draw_names(ax, places, names, 0.6 * np.sqrt(size))
        ax.margins(0.08)
        ax.set_axis_off()
        ticks = MaxNLocator(5, integer=True)
        drawn.colorbar(shown, ax=ax, shrink=0.7, label="copies", ticks=ticks).outline.set_visible(False)
        ax.set_title(title)
    return drawn


def distributions(values: np.ndarray, titles: Sequence[str], columns: int = 5) -> Figure:
    """For each column of ``values`` the share of nodes that have at least so much, on logarithmic axes."""
    rows = -(-len(titles) // columns)
    drawn, axes = figure_grid(rows, columns, 2.4 * columns, 2.0 * rows, sharey=True)
    n, panels = len(values), axes.ravel()
    for ax in panels[len(titles) :]:
        ax.set_axis_off()
    for ax, title, column in zip(panels, titles, values.T, strict=False):
        own = np.sort(column[column > 0])
        ax.set_title(title, fontsize=8)
        ax.set(ylim=(0.6 / n, 1.6), yscale="log")
        if own.size:
            at = np.unique(own)
            ax.plot(at, (own.size - np.searchsorted(own, at)) / n, marker=".", markersize=3, linewidth=1)
            ax.set(xscale="log", xlim=(0.7, max(2.0, 1.4 * float(own[-1]))))
        else:
            ax.set_xticks([])
            ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center", va="center", color=INK)
    drawn.supxlabel("copies that a node sits in on the orbit", fontsize=9, color=INK)
    drawn.supylabel("share of nodes with at least so many", fontsize=9, color=INK)
    return drawn
