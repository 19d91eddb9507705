"""Pictures of a graph: a layout while it is small enough to be seen whole, distributions when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netopsy.data.graphs import Graph
from netopsy.lab.figures import INK, figure_grid, style

SMALL = 200
"""Nodes up to which a layout is drawn."""
NAMED = 40
"""Nodes up to which they are named in it."""


def layout(graph: Graph, seed: int = 0) -> np.ndarray:
    """Places of the nodes ``[nodes, 2]``, neighbours near each other."""
    import networkx as nx

    network: Any = nx.from_scipy_sparse_array(graph.adjacency)
    places = nx.spring_layout(network, seed=seed, k=2.2 / np.sqrt(len(graph)), iterations=200)
    return np.array([places[node] for node in range(len(graph))])


def coloured_layouts(
    graph: Graph, values: np.ndarray, titles: Sequence[str], label: str, seed: int = 0, width: float = 4.6
) -> Figure:
    """The graph once for each column of ``values``, every node coloured by its value there, on a square-root scale."""
    drawn, axes = figure_grid(1, len(titles), width * len(titles), 4.2)
    places = layout(graph, seed)
    with style():
        for column, (ax, title) in enumerate(zip(axes[0], titles, strict=True)):
            shown = _network(ax, graph, places, values[:, column])
            ticks = MaxNLocator(5, integer=True)
            drawn.colorbar(shown, ax=ax, shrink=0.7, label=label, ticks=ticks).outline.set_visible(False)
            ax.set_title(title)
    return drawn


def distributions(values: np.ndarray, titles: Sequence[str], label: str, columns: int = 5) -> Figure:
    """For each column of ``values`` the share of nodes that have at least so much, on logarithmic axes."""
    rows = -(-len(titles) // columns)
    drawn, axes = figure_grid(rows, columns, 2.4 * columns, 2.0 * rows, sharey=True)
    n = len(values)
    least = 0.6 / n
    panels: list[Axes] = axes.ravel().tolist()
    for column, ax in enumerate(panels):
        if column >= len(titles):
            ax.set_axis_off()
            continue
        own = np.sort(values[:, column])
        own = own[own > 0]
        ax.set_title(titles[column], fontsize=8)
        ax.set(ylim=(least, 1.6), yscale="log")
        if own.size:
            at = np.unique(own)
            ax.plot(at, (own.size - np.searchsorted(own, at)) / n, marker=".", markersize=3, linewidth=1)
            ax.set(xscale="log", xlim=(0.7, max(2.0, 1.4 * float(own[-1]))))
        else:
            ax.set_xticks([])
            ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center", va="center", color=INK)
    drawn.supxlabel(label, fontsize=9, color=INK)
    drawn.supylabel("share of nodes with at least so many", fontsize=9, color=INK)
    return drawn


def _network(ax: Axes, graph: Graph, places: np.ndarray, values: np.ndarray) -> Any:
    from matplotlib.collections import LineCollection
    from scipy import sparse

    edges = sparse.coo_array(sparse.triu(graph.adjacency))
    lines = np.stack([places[edges.row], places[edges.col]], 1)
    ax.add_collection(LineCollection(list(lines), colors=INK, linewidths=0.7, alpha=0.5, zorder=1))
    size = float(np.clip(6000 / len(graph), 18, 220))
    norm = PowerNorm(0.5, 0, max(1, values.max()))
    shown = ax.scatter(places[:, 0], places[:, 1], size, values, norm=norm, zorder=2, edgecolors=INK, linewidths=0.5)
    if len(graph) <= NAMED:
        for place, name in zip(places, graph.nodes or map(str, range(len(graph))), strict=True):
            ax.annotate(name, place, (0, 0.6 * np.sqrt(size)), textcoords="offset points", ha="center", fontsize=6)
    ax.margins(0.08)
    ax.set_axis_off()
    return shown
