"""The figures of the noisy-label-clustering study."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import bars, intervals, lines, panels
from netopsy.lab.subjects.clusters import DIGITS
from netopsy.studies.graphs.noisy_label_clustering.judge import by_class
from netopsy.studies.graphs.noisy_label_clustering.plan import (
    ATTRIBUTES,
    FD,
    JUDGED,
    LABELS,
    LFD,
    PAGERANK,
    WAYS,
    Config,
)

COLORS = dict(zip(WAYS, PALETTE, strict=False))
LONG = {PAGERANK: "labels and graph, PageRank", ATTRIBUTES: "graph weighted by attributes"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """F1 by the labels' accuracy, by class of the digits, in networks of citations, by eps; and the cost by size."""
    known = {graph: by_class(tables, graph) for graph in tables["real"]["graph"].unique()}
    drawn = {"accuracy": _accuracy(tables), "classes": _classes(known[DIGITS]), "eps": _eps(tables)}
    if len(known) > 1:
        drawn["graphs"] = panels(known, _graph, width=3.2, height=2.7, sharey=True, columns=len(known))
    return drawn | {"local": _local(tables)}


def _accuracy(tables: Tables) -> Figure:
    drawn, ax = figure(6.2, 3.4)
    table = tables["accuracy"].sort_values(["inside", "outside"])
    names = [f"{inside:g}\n{outside:g}" for inside, outside in zip(table["inside"], table["outside"], strict=True)]
    table = table.assign(right=names)
    order = table.groupby("right")[LABELS].mean().sort_values().index
    ways = table.melt(["seed", "right"], [LFD, FD, LABELS, PAGERANK], "way")
    places = {right: place for place, right in enumerate(order)}
    lines(ax, ways, x="right", by="way", places=places, colors=COLORS, labels=LONG)
    ax.set(ylim=(0, 1), ylabel="F1 of the planted cluster")
    ax.set_xlabel("share of right labels: inside the cluster (above), outside (below)")
    ax.legend(loc="upper left")
    return drawn


def _classes(table: pd.DataFrame) -> Figure:
    drawn, ax = figure(7.0, 3.2)
    ways = table.reset_index().astype({"class": int}).melt("class", [LFD, FD, LABELS], "way")
    bars(ax, ways, by="class", beside="way", over="class", colors=COLORS)
    ax.set(ylim=(0, 1.02), xlabel="digit whose images are the cluster", ylabel="F1 of the class")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    return drawn


def _graph(ax: Axes, table: pd.DataFrame) -> None:
    found = {LONG.get(way, way): mean_interval(table[way]) for way in WAYS}
    intervals(ax, found, mark=None)
    ax.set(xlim=(0, 1), xlabel="mean F1 over classes")


def _eps(tables: Tables) -> Figure:
    drawn, ax = figure(5.2, 3.0)
    weights = sorted(tables["eps"]["eps"].unique())
    # Zero has no place on a logarithmic axis: it gets one to the left.
    lines(ax, tables["eps"], x="eps", places={weight: place for place, weight in enumerate(weights)})
    ax.set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
    judged = [place for place, weight in enumerate(weights) if JUDGED[0] <= weight <= JUDGED[1]]
    ax.axvspan(min(judged) - 0.3, max(judged) + 0.3, color=INK, alpha=0.12, linewidth=0)
    ax.text(float(np.mean(judged)), 0.04, "judged", ha="center", color=INK)
    ax.set(ylim=(0, 1), xlabel="weight of edges between different labels", ylabel="F1 of the planted cluster")
    return drawn


def _local(tables: Tables) -> Figure:
    drawn, ((time, read),) = figure_grid(1, 2, 7.6, 3.0)
    table = tables["size"]
    whole = table.groupby("nodes")["edges"].mean()
    for ax, column, label in ((time, "value", "milliseconds for the whole scan"), (read, "touched", "entries read")):
        for turn, (_, own) in enumerate(table.groupby("seed")):
            named = None if turn else "around one cluster, mean over seeds"
            ax.plot(own["edges"], own[column], "o-", color=PALETTE[0], alpha=0.8, label=named)
        ax.set(xscale="log", xlabel="edges of the graph", ylabel=label)
    read.plot(whole, 2 * whole, color=INK, linestyle=":", linewidth=1.2, label="all that the graph has")
    time.set_ylim(0, 1.3 * table["value"].max())
    read.set(yscale="log", ylim=(0.3 * table["touched"].min(), 6 * whole.max()))
    for ax in (time, read):
        ax.legend(loc="upper left")
    return drawn
