"""The picture of a thinned graph: the graph itself while it is small, otherwise how scores are distributed."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from netopsy.cli.graph.files import names_of
from netopsy.cli.graph.pictures import NAMED, SMALL, layout
from netopsy.data.graphs import Graph
from netopsy.graphs.teddy import Sparsified
from netopsy.lab.figures import INK, PALETTE, figure, figure_grid, style


def picture(found: Sparsified, graph: Graph, seed: int = 0) -> Figure:
    """Removed edges faint among the kept ones; or histograms of scores and of degrees before and after."""
    with style():
        return _layout(found, graph, seed) if found.nodes <= SMALL else _distributions(found)


def _layout(found: Sparsified, graph: Graph, seed: int) -> Figure:
    places = layout(graph, seed)
    names = names_of(graph)
    drawn, ax = figure(6.0, 5.4)
    ends, kept = found.edges.numpy(), found.kept.numpy()
    segments = places[ends].transpose(1, 0, 2)
    order = np.argsort(np.argsort(found.scores.numpy())) / max(len(kept) - 1, 1)
    ax.add_collection(LineCollection(list(segments[~kept]), colors=PALETTE[1], alpha=0.3, linewidths=0.8))
    widths = 0.8 + 2.0 * order[kept]
    ax.add_collection(LineCollection(list(segments[kept]), colors=PALETTE[0], alpha=0.9, linewidths=widths))
    size = 150 if found.nodes <= NAMED else 18
    ax.scatter(places[:, 0], places[:, 1], s=size, color=INK, zorder=3, linewidths=0)
    if found.nodes <= NAMED:
        for node, (x, y) in enumerate(places):
            label = names[node]
            inside = len(label) <= 2
            shift = (0, 0) if inside else (0, 9)
            ax.annotate(
                label,
                (x, y),
                shift,
                textcoords="offset points",
                ha="center",
                va="center" if inside else "bottom",
                fontsize=7,
                color="white" if inside else INK,
                zorder=4,
            )
    for color, alpha, label in (
        (PALETTE[0], 0.9, f"{kept.sum():,} edges kept, wider for a higher score"),
        (PALETTE[1], 0.3, f"{(~kept).sum():,} removed"),
    ):
        ax.plot([], [], color=color, alpha=alpha, label=label)
    ax.set_axis_off()
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2)
    return drawn


def _distributions(found: Sparsified) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.2)
    scores, kept = found.scores.numpy(), found.kept.numpy()
    logarithmic = bool((scores > 0).all()) and scores.max() > 10 * scores.min()
    low, high = scores.min(initial=np.inf), scores.max(initial=-np.inf)
    if not np.isfinite(low) or low == high:
        low, high = (0.0, 1.0) if not np.isfinite(low) else (low - 0.5, high + 0.5)
    bins = np.geomspace(low, high, 60) if logarithmic else np.linspace(low, high, 60)
    parts = [scores[~kept], scores[kept]]
    labels = [f"{len(parts[0]):,} removed", f"{len(parts[1]):,} kept"]
    axes[0, 0].hist(parts, bins=bins, stacked=True, color=[PALETTE[1], PALETTE[0]], alpha=0.8, label=labels)
    if logarithmic:
        axes[0, 0].set_xscale("log")
    axes[0, 0].set(xlabel="score of an edge", ylabel="edges")
    axes[0, 0].legend()
    for edges, color, label in (
        (found.edges, PALETTE[1], "before"),
        (found.edges[:, found.kept], PALETTE[0], "after"),
    ):
        degree = np.bincount(edges.flatten().numpy(), minlength=found.nodes)
        values, counts = np.unique(degree, return_counts=True)
        above = counts[::-1].cumsum()[::-1] / found.nodes
        axes[0, 1].step(values.clip(min=0.5), above, where="post", color=color, label=label)
    axes[0, 1].set(xscale="log", yscale="log", xlabel="degree (none: at 0.5)", ylabel="share of nodes with so many")
    axes[0, 1].legend()
    return drawn
