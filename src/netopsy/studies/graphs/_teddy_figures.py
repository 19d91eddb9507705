"""The figures of the teddy study."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab.costs import cost_lines
from netopsy.lab.plots import mean_with_band
from netopsy.studies.graphs._tables import of
from netopsy.studies.graphs._teddy_data import BLOCKS
from netopsy.studies.graphs._teddy_measures import (
    AFTERWARDS,
    DEGREE,
    DENSE,
    INVERTED,
    NO_TEACHER,
    ORDERS,
    PROJECTED,
    RANDOM,
    RANDOM_EDGES,
    TEDDY,
    UGS,
    sparsities,
)

COLORS = {
    TEDDY: PALETTE[0],
    UGS: PALETTE[1],
    INVERTED: PALETTE[1],
    DEGREE: PALETTE[2],
    NO_TEACHER: PALETTE[2],
    RANDOM: PALETTE[5],
    RANDOM_EDGES: PALETTE[5],
    PROJECTED: PALETTE[0],
    AFTERWARDS: PALETTE[1],
}


def draw(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """Accuracy by edges removed, on other graphs, of tickets by level, by weights removed; time; the cost."""
    return {
        "edges": _edges(rows),
        "control": _control(rows),
        "joint": _joint(rows),
        "time": _time(rows),
        "weights": _weights(rows),
        "cost": _cost(rows),
    }


def _edges(rows: pd.DataFrame) -> Figure:
    drawn, ax = figure(5.4, 3.4)
    _orders(ax, of(rows, "edges"), BLOCKS)
    ax.set(ylabel="test accuracy")
    ax.legend(loc="lower left")
    return drawn


def _control(rows: pd.DataFrame) -> Figure:
    table = of(rows, "edges")
    graphs = [graph for graph in table["graph"].unique() if graph != BLOCKS]
    drawn, axes = figure_grid(1, len(graphs), 4.2 * len(graphs), 3.2)
    for ax, graph in zip(axes[0], graphs, strict=True):
        _orders(ax, table, graph)
        ax.set_title(graph)
    axes[0, 0].set_ylabel("test accuracy")
    axes[0, 0].legend(loc="lower left")
    return drawn


def _orders(ax: Axes, table: pd.DataFrame, graph: str) -> None:
    own = table[table["graph"] == graph]
    dense = own[own["method"] == DENSE]["value"].mean()
    ax.axhline(dense, color=INK, linestyle="--", linewidth=1, label="all edges")
    for order in ORDERS:
        values = own[own["method"] == order].pivot(index="seed", columns="sparsity", values="value")
        mean_with_band(ax, list(values.columns), values, label=order, color=COLORS[order], marker="o")
    ax.xaxis.set_major_formatter(PercentFormatter(1, 0))
    ax.set(xlabel="edges removed", xlim=(0, 1))


def _joint(rows: pd.DataFrame) -> Figure:
    table = of(rows, "joint")
    pairs = list(table.groupby(["graph", "network"], sort=False))
    columns = min(3, len(pairs))
    drawn, axes = figure_grid(
        -(-len(pairs) // columns), columns, 3.2 * columns + 0.6, 3.5 * -(-len(pairs) // columns) + 0.3
    )
    panels: list[Axes] = axes.ravel().tolist()
    for ax in panels[len(pairs) :]:
        ax.set_axis_off()
    for ax, (pair, own) in zip(panels, pairs, strict=False):
        dense = own[own["method"] == DENSE]["value"].mean()
        ax.axhline(dense, color=INK, linestyle="--", linewidth=1, label=DENSE)
        for method in (TEDDY, NO_TEACHER, RANDOM_EDGES, UGS):
            values = own[own["method"] == method].pivot(index="seed", columns="level", values="value")
            if not values.empty:
                mean_with_band(ax, list(values.columns), values, label=method, color=COLORS[method], marker="o")
        levels = sorted(set(own["level"].astype(int)) - {0})
        shown = levels if len(levels) < 4 else [level for level in levels if level % 5 == 0]
        ax.set_xticks(shown, ["{:.0%}\n{:.0%}".format(*sparsities(level)) for level in shown])
        ax.set(title=", ".join(map(str, pair)), xlim=(min(levels) - 1, max(levels) + 1))
        ax.set_xlabel("edges removed\nweights removed")
    axes[0, 0].set_ylabel("test accuracy")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=3, labelcolor=INK)
    return drawn


def _time(rows: pd.DataFrame) -> Figure:
    table = of(rows, "joint")
    table = table[table["graph"] == BLOCKS]
    drawn, ax = figure(5.4, 0.9 + 0.62 * table["network"].nunique() * 2)
    level = int(table[table["method"] == UGS]["level"].max())
    names: list[str] = []
    for network in table["network"].unique():
        for method, steps in ((TEDDY, "teacher and one training"), (UGS, f"{level} rounds and one training")):
            chosen = (table["network"] == network) & (table["method"] == method) & (table["level"] == level)
            values = table[chosen]["seconds"]
            place = len(names)
            ax.barh(place, values.median(), color=COLORS[method], alpha=0.75, height=0.62)
            ax.plot(values, [place] * len(values), ".", color=INK, alpha=0.7, markersize=4)
            names.append(f"{network}, {method}\n{steps}")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel=f"seconds to a ticket of level {level}; bar: median, a dot a run")
    return drawn


def _weights(rows: pd.DataFrame) -> Figure:
    table = of(rows, "weights")
    networks = list(table["network"].unique())
    drawn, axes = figure_grid(1, len(networks), 3.6 * len(networks), 3.2, sharey=True)
    for ax, network in zip(axes[0], networks, strict=True):
        own = table[table["network"] == network]
        whole = own[own["method"] == DENSE]["value"].mean()
        ax.axhline(whole, color=INK, linestyle="--", linewidth=1, label="all weights")
        for method in (PROJECTED, AFTERWARDS):
            values = own[own["method"] == method].pivot(index="seed", columns="sparsity", values="value")
            mean_with_band(ax, list(values.columns), values, label=method, color=COLORS[method], marker="o")
            ax.set_xticks(list(values.columns), [f"{share:.0%}" for share in values.columns])
        ax.set(title=network, xlabel="weights removed")
    axes[0, 0].set_ylabel("test accuracy")
    axes[0, 0].legend(loc="best")
    return drawn


def _cost(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.2)
    cost_lines(axes[0, 0], of(rows, "cost by edges"), x="edges", by="step")
    ticks = sorted(of(rows, "cost by edges")["edges"].unique())
    axes[0, 0].set_xticks(ticks, [_short(int(edges)) for edges in ticks])
    axes[0, 0].set(xlabel="undirected edges", ylabel="milliseconds")
    for number, (network, own) in enumerate(of(rows, "epoch").groupby("network", sort=False)):
        axes[0, 1].plot(own["sparsity"], own["value"], marker="o", color=PALETTE[number], label=network)
    most = int(of(rows, "epoch")["edges"].max())
    axes[0, 1].xaxis.set_major_formatter(PercentFormatter(1, 0))
    axes[0, 1].set(xlabel=f"of {_short(most)} edges removed", ylabel="milliseconds an epoch")
    axes[0, 1].set_ylim(bottom=0)
    axes[0, 1].legend()
    return drawn


def _short(edges: int) -> str:
    return f"{edges / 1e6:g}M" if edges >= 1e6 else f"{edges / 1e3:g}k"
