"""The figures of the graph-valuation study."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import Tables
from netopsy.lab.plots import bars, growth, lines, panels
from netopsy.studies.graphs.graph_valuation.plan import CHANGED, COPY, PERMUTED, Config

WAYS = {"unaligned": "not aligned", "aligned": "aligned blindly", "direct": "aligned seeing both"}
COLORS = {"unaligned": INK, "aligned": PALETTE[0], "direct": PALETTE[1]}
COUNTED = {"signals": "from so many random signals", "directions": "from so many of the smoothest directions"}
LETTERS = {"disparity": "structural disparity S", "relevance": "relevance R", "diversity": "diversity D"}
CHANGES = {COPY: "renumbered copy", CHANGED: "and edges rewired", PERMUTED: "and columns permuted"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """S by rewiring; R and D by seller; what each change moves; gain by relevance; estimates of S; and the cost."""
    ways = tables["structure"].melt(["graph", "seed", "fraction"], list(WAYS), "way")
    graphs = {name.replace("_", " "): own for name, own in ways.groupby("graph", sort=False)}
    offers = tables["relevance"].melt(["data", "seed", "start", "seller"], ["relevance", "diversity"], "what")
    sets = dict(iter(offers.groupby("data", sort=False)))
    timed, ax = figure(4.8, 3.0)
    growth(ax, tables["cost"], x="nodes", by="method")
    ax.set(xlabel="nodes", ylabel="milliseconds")
    return {
        "structure": panels(graphs, _structure, columns=4, width=2.65, height=2.6, legend=True),
        "relevance": panels(sets, _relevance, width=3.2, height=2.4, sharey=True, legend=True),
        "disentangle": _disentangle(tables),
        "useful": _useful(tables),
        "estimates": _estimates(tables),
        "cost": timed,
    }


def _structure(ax: Axes, table: pd.DataFrame) -> None:
    lines(ax, table, x="fraction", by="way", colors=COLORS, labels=WAYS)
    ax.set(ylim=(0, None), xlabel="share of edges rewired", ylabel=LETTERS["disparity"])


def _relevance(ax: Axes, table: pd.DataFrame) -> None:
    bars(ax, table, by="seller", beside="what", over="start", horizontal=True)
    ax.set(xlim=(0, 1), xlabel="mean over buyers")


def _disentangle(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 3, 7.8, 2.5, sharey=True)
    for ax, (column, label) in zip(axes[0], LETTERS.items(), strict=True):
        for place, change in enumerate(CHANGES):
            values = tables.rows("disentangled", change=change)[column]
            jitter = np.linspace(-0.22, 0.22, len(values))
            ax.plot(values, place + jitter, "o", color=PALETTE[place], alpha=0.5, markersize=3)
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.set_xlabel(label)
    axes[0, 0].set_yticks(range(len(CHANGES)), list(CHANGES.values()))
    axes[0, 0].invert_yaxis()
    return drawn


def _useful(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.4, 3.2, sharey=True)
    for ax, column in zip(axes[0], ("relevance", "disparity"), strict=True):
        for turn, (seller, own) in enumerate(tables["useful"].groupby("seller", sort=False)):
            color = PALETTE[turn % len(PALETTE)]
            ax.plot(own[column], own["gain"], "oDsv^<>P"[turn], color=color, alpha=0.7, markersize=4, label=seller)
        ax.axhline(0, color=INK, linewidth=0.8)
        ax.set_xlabel(LETTERS[column])
    axes[0, 0].set_ylabel("accuracy on the buyer's nodes,\ngain over guessing")
    axes[0, 1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _estimates(tables: Tables) -> Figure:
    drawn, ax = figure(5.4, 3.2)
    table = tables["estimates"]
    lines(ax, table, x="count", by="way", values="ratio", labels=COUNTED)
    ax.axhline(1, color=INK, linestyle=":", linewidth=1.2)
    ax.set(xscale="log", xlabel=f"how many, of {int(table['nodes'].max()):,} nodes", ylabel="estimate over exact S")
    counts = np.sort(table["count"].unique())
    ax.set_xticks(counts, [f"{number:g}" for number in counts])
    ax.minorticks_off()
    ax.legend()
    return drawn
