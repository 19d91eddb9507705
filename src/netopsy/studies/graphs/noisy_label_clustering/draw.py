"""The figures of the noisy-label-clustering study."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import Tables, mean_interval
from netopsy.studies.graphs.noisy_label_clustering.plan import ATTRIBUTES, DIGITS, FD, LABELS, LFD, PAGERANK, Config

COLORS = {LFD: PALETTE[0], FD: PALETTE[1], LABELS: PALETTE[2], PAGERANK: PALETTE[3], ATTRIBUTES: PALETTE[4]}
SAID = {
    LFD: "labels and graph",
    FD: "graph alone",
    LABELS: "labels alone",
    PAGERANK: "labels and graph, PageRank",
    ATTRIBUTES: "graph weighted by attributes",
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """F1 by the labels' accuracy, by class of the digits, in networks of citations, by eps; and the cost by size."""
    drawn = {"accuracy": _accuracy(tables), "classes": _classes(tables), "eps": _eps(tables), "local": _local(tables)}
    known = list(tables["real"]["graph"].unique())
    if len(known) > 1:
        drawn["graphs"] = _graphs(tables, known)
    return drawn


def _accuracy(tables: Tables) -> Figure:
    drawn, ax = figure(6.2, 3.4)
    groups = sorted(tables["accuracy"].groupby(["inside", "outside"]), key=lambda each: each[1][LABELS].mean())
    places = np.arange(len(groups))
    for name in (LFD, FD, LABELS, PAGERANK):
        found = [mean_interval(table.groupby("seed")[name].mean()) for _, table in groups]
        values = [each.value for each in found]
        errors = np.abs(np.array([each.interval for each in found]).T - np.array(values))
        dashed = name == PAGERANK
        ax.errorbar(
            places,
            values,
            np.nan_to_num(errors),
            label=SAID[name],
            color=COLORS[name],
            marker="o",
            linestyle=":" if dashed else "-",
            elinewidth=1,
        )
    ax.set_xticks(places, [f"{inside:g}\n{outside:g}" for (inside, outside), _ in groups])
    ax.set(ylim=(0, 1), ylabel="F1 of the planted cluster")
    ax.set_xlabel("share of right labels: inside the cluster (above), outside (below)")
    ax.legend(loc="upper left")
    return drawn


def _classes(tables: Tables) -> Figure:
    drawn, ax = figure(7.0, 3.2)
    table = by_draw(tables, DIGITS)
    labels = sorted(table["class"].unique())
    for turn, name in enumerate((LFD, FD, LABELS)):
        places = np.arange(len(labels)) + 0.27 * (turn - 1)
        ax.bar(places, table.groupby("class")[name].mean(), width=0.25, color=COLORS[name], label=SAID[name])
    ax.set_xticks(range(len(labels)), [f"{int(label)}" for label in labels])
    ax.set(ylim=(0, 1.02), xlabel="digit whose images are the cluster", ylabel="F1 of the class")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    return drawn


def _graphs(tables: Tables, known: list[str]) -> Figure:
    drawn, axes = figure_grid(1, len(known), 2.5 * len(known) + 1.6, 2.7, sharey=True)
    names = (LFD, FD, LABELS, PAGERANK, ATTRIBUTES)
    for ax, graph in zip(axes[0], known, strict=True):
        table = by_draw(tables, graph)
        for place, name in enumerate(names):
            found = mean_interval(table.groupby("class")[name].mean())
            ax.barh(place, found.value, color=COLORS[name], alpha=0.85, height=0.65)
            ax.plot(found.interval, [place] * 2, color=INK)
        ax.set(xlim=(0, 1), xlabel="mean F1 over classes")
        ax.set_title({"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}.get(graph, graph))
    axes[0, 0].set_yticks(range(len(names)), [SAID[name] for name in names])
    axes[0, 0].invert_yaxis()
    return drawn


def _eps(tables: Tables) -> Figure:
    drawn, ax = figure(5.2, 3.0)
    table = tables["eps"]
    weights = sorted(table["eps"].unique())
    found = [mean_interval(table[table["eps"] == weight].groupby("seed")["value"].mean()) for weight in weights]
    # Zero has no place on a logarithmic axis: it gets one to the left.
    places = np.arange(len(weights))
    ax.fill_between(places, *np.array([each.interval for each in found]).T, color=PALETTE[0], alpha=0.2, linewidth=0)
    ax.plot(places, [each.value for each in found], "o-", color=PALETTE[0])
    judged = [place for place, weight in enumerate(weights) if 0.01 <= weight <= 0.1]
    ax.axvspan(min(judged) - 0.3, max(judged) + 0.3, color=INK, alpha=0.12, linewidth=0)
    ax.text(float(np.mean(judged)), 0.04, "judged", ha="center", color=INK)
    ax.set_xticks(places, [f"{weight:g}" for weight in weights])
    ax.set(ylim=(0, 1), xlabel="weight of edges between different labels", ylabel="F1 of the planted cluster")
    return drawn


def _local(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 3.0)
    table = tables["size"]
    for ax, column, label in (
        (axes[0, 0], "value", "milliseconds for the whole scan"),
        (axes[0, 1], "touched", "entries read"),
    ):
        for turn, (_, own) in enumerate(table.groupby("seed")):
            named = "around one cluster, mean over seeds" if turn == 0 else None
            ax.plot(own["edges"], own[column], "o-", color=PALETTE[0], alpha=0.8, label=named)
        ax.set_xscale("log")
        ax.set(xlabel="edges of the graph", ylabel=label)
    axes[0, 0].set_ylim(0, 1.3 * table["value"].max())
    axes[0, 0].legend(loc="upper left")
    whole = table.groupby("nodes")["edges"].mean()
    axes[0, 1].plot(whole, 2 * whole, color=INK, linestyle=":", linewidth=1.2, label="all that the graph has")
    axes[0, 1].set(yscale="log", ylim=(0.3 * table["touched"].min(), 6 * whole.max()))
    axes[0, 1].legend(loc="upper left")
    return drawn


def by_draw(tables: Tables, graph: str) -> pd.DataFrame:
    """The rows of one real graph."""
    return tables.rows("real", graph=graph)
