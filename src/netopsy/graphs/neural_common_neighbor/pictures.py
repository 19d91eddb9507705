"""A comparison on links held out, and the links that are missing, to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netopsy.core.drawing import figure_grid
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.drawing import SMALL
from netopsy.graphs.neural_common_neighbor.held_out import HeldOut
from netopsy.graphs.neural_common_neighbor.missing import MissingLinks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_links(graph: GraphLike, compared: HeldOut, found: MissingLinks, *, seed: int = 0) -> Figure:
    """The measures, beside the missing links in a layout, or how the model tells links where the graph is large.

    Args:
        seed: of the layout.
    """
    drawn, axes = figure_grid(1, 2, 10.0, 4.4, width_ratios=[1.0, 1.2])
    compared.plot(axes[0, 0])
    if len(compared.x) <= SMALL:
        found.plot(axes[0, 1], graph=graph, seed=seed)
    else:
        compared.plot_probabilities(axes[0, 1], least=float(found.probability.min()))
    return drawn
