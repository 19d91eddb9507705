"""A cluster and the scan that found it, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netopsy.core.drawing import figure_grid
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.noisy_label_clustering.cluster import Cluster

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_cluster(graph: GraphLike, found: Cluster, seeds: Sequence[int], *, seed: int = 0) -> Figure:
    """The cluster in its graph, beside the conductance of every source of the scan.

    Args:
        seeds: the nodes that it was found around.
        seed: of the layout.
    """
    drawn, axes = figure_grid(1, 2, 9.0, 4.4, width_ratios=[1.5, 1.0])
    found.plot_graph(axes[0, 0], graph=graph, seeds=seeds, layout_seed=seed)
    found.plot(axes[0, 1])
    return drawn
