"""The figures of the dagnn study."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from netopsy.lab import mean_interval
from netopsy.lab.costs import cost_lines
from netopsy.lab.figures import INK, PALETTE, figure, figure_grid, mean_with_band
from netopsy.studies.graphs._dagnn_measures import APPNP_NAME, DAGNN_NAME, GCN_NAME, LAST, MEAN, RESIDUAL, SUM
from netopsy.studies.graphs._dagnn_verdicts import accuracies


def draw(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """Accuracy by depth, the gate against its ablations, where averaging ends, and the cost."""
    return {"depth": _depth(rows), "gate": _gate(rows), "limit": _limit(rows), "cost": _cost(rows)}


def _depth(rows: pd.DataFrame) -> Figure:
    drawn, ax = figure(5.4, 3.4)
    for name, color in ((GCN_NAME, PALETTE[1]), (DAGNN_NAME, PALETTE[0])):
        table = accuracies(rows, name)
        mean_with_band(ax, list(table.columns), table, label=name, color=color, marker="o")
    residual = accuracies(rows, RESIDUAL)
    if len(residual.columns):
        mean_with_band(
            ax, list(residual.columns), residual, label=RESIDUAL, color=PALETTE[4], marker="s", linestyle=":"
        )
    ax.axhline(
        accuracies(rows, APPNP_NAME).iloc[:, 0].mean(), color=INK, linestyle=":", linewidth=1, label="APPNP, 10 hops"
    )
    depths = sorted({*accuracies(rows, GCN_NAME).columns, *accuracies(rows, DAGNN_NAME).columns})
    ax.set_xscale("log", base=2)
    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.minorticks_off()
    ax.set(xlabel="layers of GCN, hops of DAGNN", ylabel="accuracy on test nodes", ylim=(0, 1))
    ax.legend(loc="lower left")
    return drawn


def _gate(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.0, width_ratios=[1.0, 1.5])
    deep = accuracies(rows, DAGNN_NAME)
    most = deep.columns.max()
    bars = {"gate": deep[most], **{name: accuracies(rows, name)[most] for name in (SUM, MEAN, LAST)}}
    for place, values in enumerate(bars.values()):
        found = mean_interval(values)
        axes[0, 0].bar(place, found.value, color=PALETTE[0] if not place else PALETTE[5], alpha=0.75, width=0.6)
        axes[0, 0].plot([place] * 2, found.interval, color=INK)
        axes[0, 0].plot([place] * len(values), values, ".", color=INK, alpha=0.6)
    axes[0, 0].set_xticks(range(len(bars)), [name.replace(" ", "\n", 1) for name in bars])
    axes[0, 0].set(ylim=(0, 1), ylabel=f"accuracy, {most} hops")
    scores = rows[rows["measure"] == "gate"]
    for task, own in scores.groupby("graph"):
        by_hop = own.groupby("hop")[["low", "value", "high"]].mean()
        axes[0, 1].plot(by_hop.index, by_hop["value"], label=str(task))
        axes[0, 1].fill_between(by_hop.index, by_hop["low"], by_hop["high"], alpha=0.2, linewidth=0)
    axes[0, 1].set(xlabel="hop", ylabel="weight that the gate gives", ylim=(0, 1))
    axes[0, 1].set_title("median and quartiles over the nodes")
    if scores["graph"].nunique() > 1:
        axes[0, 1].legend()
    return drawn


def _limit(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.0)
    for number, (name, own) in enumerate(rows[rows["measure"] == "limit"].groupby("graph", sort=False)):
        color = PALETTE[number]
        axes[0, 0].plot(own["hop"], own["error"], color=color, label=str(name).replace("_", " "))
        axes[0, 0].plot(
            own["hop"], own["predicted"], ":", color=INK, label=None if number else "largest eigenvalue's power"
        )
        axes[0, 1].plot(own["hop"], own["smoothness"], color=color, label=str(name).replace("_", " "))
    axes[0, 0].set(yscale="log", xlabel="hops", ylabel="distance from the limit")
    axes[0, 1].set(yscale="log", xlabel="hops", ylabel="mean distance of nodes' directions")
    axes[0, 0].legend()
    return drawn


def _cost(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.4, 3.0)
    for ax, by, label in ((axes[0, 0], "nodes", "nodes, 20 hops"), (axes[0, 1], "hops", "hops, 5000 nodes")):
        cost_lines(ax, rows[(rows["measure"] == "cost") & (rows["by"] == by)], x="size")
        ax.set(xlabel=label, ylabel="milliseconds, output and derivative")
    return drawn
