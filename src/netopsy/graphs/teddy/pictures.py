"""A thinned graph to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netopsy.core.drawing import figure, figure_grid
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.drawing import SMALL, node_names
from netopsy.graphs.teddy.sparsified import Sparsified

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_sparsified(graph: GraphLike, found: Sparsified, *, seed: int = 0) -> Figure:
    """The edges kept and removed in a layout of a small graph; of a large one the scores, and degrees before and after.

    Args:
        seed: of the layout.
    """
    if found.nodes <= SMALL:
        drawn, ax = figure(6.0, 5.4)
        found.plot(ax, names=node_names(graph), seed=seed)
        return drawn
    drawn, axes = figure_grid(1, 2, 8.0, 3.2)
    found.plot(axes[0, 0])
    found.plot_degrees(axes[0, 1])
    return drawn
