"""The picture of a cluster: in the whole graph while that is small, otherwise with the nodes next to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy import sparse

from netopsy.cli.graph.pictures import NAMED, SMALL, layout
from netopsy.data.graphs import Graph
from netopsy.graphs.noisy_label_clustering import Cluster
from netopsy.lab.figures import INK, PALETTE, figure_grid, style

_MOST = 600
"""Nodes that are drawn at most; of larger clusters and surroundings those are that have most edges into the cluster."""


def picture(graph: Graph, found: Cluster, starts: Sequence[int], seed: int) -> Figure:
    """The cluster and what is around it; beside it the conductance and size for every source of the scan."""
    drawn, axes = figure_grid(1, 2, 9.0, 4.4, width_ratios=[1.5, 1.0])
    shown = _drawn_nodes(graph, found)
    own = sparse.csr_array(graph.adjacency[shown][:, shown])
    places = layout(Graph(own), seed)
    inside = np.isin(shown, found.nodes)
    first = np.isin(shown, starts)
    ax = axes[0, 0]
    edges = sparse.coo_array(sparse.triu(own))
    within = inside[edges.row] & inside[edges.col]
    lines = np.stack([places[edges.row], places[edges.col]], 1)
    faint = float(np.clip(60 / np.sqrt(len(lines) + 1), 0.08, 0.6))
    ax.add_collection(LineCollection(list(lines[~within]), colors=INK, linewidths=0.6, alpha=faint, zorder=1))
    ax.add_collection(
        LineCollection(list(lines[within]), colors=PALETTE[0], linewidths=0.8, alpha=min(1.0, 2 * faint), zorder=2)
    )
    size = float(np.clip(5000 / len(shown), 12, 160))
    for chosen, color, label in (
        (~inside, PALETTE[5], "others" if len(shown) == len(graph) else "next to it"),
        (inside & ~first, PALETTE[0], "cluster"),
        (first, PALETTE[1], "seed"),
    ):
        alpha = 0.55 if label in ("others", "next to it") else 1.0
        ax.scatter(*places[chosen].T, size, color=color, label=label, zorder=3, linewidths=0, alpha=alpha)
    if len(shown) <= NAMED:
        for node, place in zip(shown.tolist(), places, strict=True):
            name = graph.nodes[node] if graph.nodes else str(node)
            ax.annotate(name, place, (0, 0.6 * np.sqrt(size)), textcoords="offset points", ha="center", fontsize=6)
    ax.margins(0.06)
    ax.set_axis_off()
    with style():
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=3, labelcolor=INK)
    _scan(axes[0, 1], found)
    return drawn


def _scan(ax: object, found: Cluster) -> None:
    from typing import Any

    panel: Any = ax
    alphas = [scan.alpha for scan in found.path]
    panel.plot(alphas, [scan.conductance for scan in found.path], "o-", color=PALETTE[0])
    panel.plot(found.alpha, found.conductance, "o", color=PALETTE[1], markersize=9, fillstyle="none")
    # Every second size, above its point: all of them would run into each other.
    for turn, scan in enumerate(found.path):
        if turn % max(1, len(found.path) // 6) == 0:
            panel.annotate(
                f"{scan.size:,}",
                (scan.alpha, scan.conductance),
                (0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=INK,
            )
    panel.set(xlabel="source, as a multiple of the hint", ylabel="conductance", ylim=(0, 1.08))
    with style():
        panel.set_title("nodes found; ringed: the cluster")


def _drawn_nodes(graph: Graph, found: Cluster) -> np.ndarray:
    """All nodes of a small graph; otherwise the cluster and its neighbours, those with most edges into it first."""
    if len(graph) <= SMALL:
        return np.arange(len(graph))
    ties = np.asarray(graph.adjacency[found.nodes].astype(bool).sum(axis=0)).reshape(-1).astype(float)
    ties[found.nodes] += len(graph)
    most = np.argsort(-ties, kind="stable")[:_MOST]
    return np.sort(most[ties[most] > 0])
