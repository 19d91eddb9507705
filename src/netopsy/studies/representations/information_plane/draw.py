"""The information plane by epoch, gradients, information over time, and the bound with the layers."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure_grid
from netopsy.lab import Tables
from netopsy.lab.plots import lines, panels
from netopsy.lab.tables import Table
from netopsy.representations.information_plane import plot_information_plane
from netopsy.studies.representations.information_plane.plan import FULL, RELU, TANH, Config

CHECKPOINTS = 40
"""That are drawn: more make pictures larger than a page has room for."""


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """What a reader expects of the paper: its plane, its phases, its bound, and depth against epochs."""
    methods = (TANH, RELU, FULL)
    means = {
        method: tables.rows("path", method=method).groupby(["layer", "epoch"], as_index=False)[["ixt", "ity"]].mean()
        for method in methods
    }
    path = {method: tables.rows("path", method=method) for method in methods}
    every_other = [own for n, own in path[TANH].groupby("layer")][::2]
    layers = {f"layer {own['layer'].iloc[0]}": _thinned(own) for own in every_other}
    return {
        "plane": panels({method: _thinned(own) for method, own in means.items()}, _plane),
        "compression": panels({method: _thinned(own) for method, own in path.items()}, _over_time, legend=True),
        "gradients": panels(layers, _gradients, legend=True),
        "bound": _bound(tables, path[TANH]),
    }


def _thinned(table: Table) -> Table:
    """The rows of evenly spread checkpoints, the first and the last among them."""
    epochs = np.sort(table["epoch"].unique())
    kept = epochs[np.unique(np.linspace(0, len(epochs) - 1, CHECKPOINTS).round().astype(int))]
    return table[table["epoch"].isin(kept)]


def _plane(ax: Axes, table: Table) -> None:
    plot_information_plane(table, ax=ax)


def _over_time(ax: Axes, table: Table) -> None:
    shown = table.assign(epoch=table["epoch"].clip(lower=1), name="layer " + table["layer"].astype(str))
    lines(ax, shown, x="epoch", by="name", values="ixt", marker="")
    ax.set(xscale="log", xlabel="epoch", ylabel="I(X;T) (bits)")


def _gradients(ax: Axes, table: Table) -> None:
    shown = table[table["epoch"] > 0]
    for name, color in (("drift", PALETTE[0]), ("diffusion", PALETTE[1])):
        logs = shown.assign(name=name, value=np.log10(shown[name]))
        lines(ax, logs, x="epoch", by="name", colors={name: color}, marker="")
    ax.set(xscale="log", xlabel="epoch", ylabel="log10 of it over the weights' norm")


def _bound(tables: Tables, path: Table) -> Figure:
    drawn, ((plane, depth),) = figure_grid(1, 2, 8.6, 3.4)
    curve = tables["curve"].sort_values("ixt")
    plane.plot([0, *curve["ixt"], 12], [0, *curve["ity"], curve["ity"].max()], color="0.2", label="bound")
    for words, pick, marker in (("before training", "first", "x"), ("at the end", "last", "o")):
        ends = getattr(path.sort_values("epoch").groupby(["seed", "layer"])[["ixt", "ity"]], pick)()
        for number, (layer, own) in enumerate(ends.groupby("layer")):
            color = PALETTE[number % len(PALETTE)]
            label = f"layer {layer}" if marker == "o" else None
            plane.plot(own["ixt"], own["ity"], marker, color=color, markersize=4, label=label)
        plane.plot([], [], marker, color="0.4", markersize=4, label=words)
    plane.set(xlabel="I(X;T) (bits)", ylabel="I(T;Y) (bits)")
    plane.legend(fontsize=7, loc="center left", bbox_to_anchor=(0.12, 0.45))
    learned = tables.rows("learned", method=TANH)
    for _, own in learned.sort_values("depth").groupby("seed"):
        depth.plot(own["depth"], own["epochs"], color=PALETTE[0], alpha=0.4, linewidth=1)
    means = np.exp(np.log(learned["epochs"]).groupby(learned["depth"]).mean())
    depth.plot(means.index, means, "o-", color=PALETTE[1], label="geometric mean")
    depth.set(xlabel="hidden layers", ylabel="epochs to accuracy 0.95", yscale="log", xticks=list(means.index))
    depth.legend()
    return drawn
