"""The figures of the graph-valuation study."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import growth, mean_with_band
from netopsy.studies.graphs.graph_valuation.plan import DIGITS, EIGHT, FIVE, Config

SAID = {
    "karate": "karate club",
    "les_miserables": "Les Misérables",
    "random": "random graph",
    DIGITS: "digits",
    "cora": "Cora",
    "citeseer": "CiteSeer",
    "pubmed": "PubMed",
}
WAYS = {"unaligned": INK, "aligned": PALETTE[0], "direct": PALETTE[1]}
TOLD = {"unaligned": "not aligned", "aligned": "aligned blindly", "direct": "aligned seeing both"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """S by rewiring; R and D by seller; what each change moves; gain by relevance; estimates of S; and the cost."""
    return {
        "structure": _structure(tables),
        "relevance": _relevance(tables),
        "disentangle": _disentangle(tables),
        "useful": _useful(tables),
        "estimates": _estimates(tables),
        "cost": _cost(tables),
    }


def _structure(tables: Tables) -> Figure:
    table = tables["structure"]
    names = list(table["graph"].unique())
    drawn, axes = figure_grid(1, len(names), 2.5 * len(names) + 0.6, 2.9)
    for ax, name in zip(axes[0], names, strict=True):
        own = table[table["graph"] == name]
        fractions = np.sort(own["fraction"].unique())
        for way, color in WAYS.items():
            found = [mean_interval(own[own["fraction"] == each][way]) for each in fractions]
            ends = np.array([each.interval for each in found]).T
            ax.plot(fractions, [each.value for each in found], "o-", color=color, label=TOLD[way], markersize=4)
            ax.fill_between(fractions, *np.nan_to_num(ends), color=color, alpha=0.2, linewidth=0)
        ax.set(ylim=(0, None), xlabel="share of edges rewired")
        ax.set_title(SAID.get(name, name))
    axes[0, 0].set_ylabel("structural disparity S")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return drawn


def _relevance(tables: Tables) -> Figure:
    table = tables["relevance"]
    names = list(table["data"].unique())
    drawn, axes = figure_grid(1, len(names), 2.7 * len(names) + 1.6, 2.7, sharey=True)
    for ax, name in zip(axes[0], names, strict=True):
        own = table[table["data"] == name]
        for shift, column, color in ((-0.18, "relevance", PALETTE[0]), (0.18, "diversity", PALETTE[1])):
            for place, seller in enumerate(FIVE):
                found = mean_interval(own[own["seller"] == seller].groupby("start")[column].mean())
                label = f"{column}, mean over buyers" if place == 0 else None
                ax.barh(place + shift, found.value, 0.34, color=color, label=label)
                ax.plot(found.interval, [place + shift] * 2, color=INK, linewidth=1.2)
        ax.set(xlim=(0, 1))
        ax.set_title(SAID.get(name, name))
    axes[0, 0].set_yticks(range(len(FIVE)), FIVE)
    axes[0, 0].invert_yaxis()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return drawn


def _disentangle(tables: Tables) -> Figure:
    table = tables["disentangled"]
    drawn, axes = figure_grid(1, 3, 7.8, 2.5, sharey=True)
    names = {"copy": "renumbered copy", "rewired": "and edges rewired", "permuted": "and columns permuted"}
    for ax, column, label in zip(
        axes[0],
        ("disparity", "relevance", "diversity"),
        ("structural disparity S", "relevance R", "diversity D"),
        strict=True,
    ):
        for place, change in enumerate(names):
            values = table[table["change"] == change][column]
            jitter = np.linspace(-0.22, 0.22, len(values))
            ax.plot(values, place + jitter, "o", color=PALETTE[place], alpha=0.5, markersize=3)
        low = min(0.0, float(table[column].min()))
        ax.set(xlabel=label, xlim=(low - 0.03 * table[column].max(), 1.05 * table[column].max()))
    axes[0, 0].set_yticks(range(len(names)), list(names.values()))
    axes[0, 0].invert_yaxis()
    return drawn


def _useful(tables: Tables) -> Figure:
    table = tables["useful"]
    drawn, axes = figure_grid(1, 2, 8.4, 3.2, sharey=True)
    markers = "oDsv^<>P"
    for ax, column, label in zip(
        axes[0], ("relevance", "disparity"), ("relevance R", "structural disparity S"), strict=True
    ):
        for turn, seller in enumerate(EIGHT):
            own = table[table["seller"] == seller]
            color = PALETTE[turn % len(PALETTE)]
            ax.plot(own[column], own["gain"], markers[turn], color=color, alpha=0.7, markersize=4, label=seller)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_xlabel(label)
    axes[0, 0].set_ylabel("accuracy on the buyer's nodes,\ngain over guessing")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _estimates(tables: Tables) -> Figure:
    table = tables["estimates"]
    drawn, ax = figure(5.4, 3.2)
    said = {"signals": "from so many random signals", "directions": "from so many of the smoothest directions"}
    for (way, own), color in zip(table.groupby("way", sort=False), PALETTE, strict=False):
        counts = np.sort(own["count"].unique())
        curves = own.pivot(index="seed", columns="count", values="ratio").to_numpy()
        mean_with_band(ax, counts, curves, label=said[str(way)], color=color)
    ax.axhline(1, color=INK, linestyle=":", linewidth=1.2)
    ax.set(xscale="log", xlabel=f"how many, of {int(table['nodes'].max()):,} nodes", ylabel="estimate over exact S")
    counts = np.sort(table["count"].unique())
    ax.set_xticks(counts, [f"{count:g}" for count in counts])
    ax.minorticks_off()
    ax.legend()
    return drawn


def _cost(tables: Tables) -> Figure:
    drawn, ax = figure(4.8, 3.0)
    growth(ax, tables["cost"], x="nodes", by="method")
    ax.set(xlabel="nodes", ylabel="milliseconds")
    return drawn
