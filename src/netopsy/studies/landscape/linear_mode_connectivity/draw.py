"""Lines between parted runs, the ridge along training, estimates against barriers, layers, and alignment."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.lab import Tables
from netopsy.lab.plots import dots, lines, panels
from netopsy.studies.landscape.linear_mode_connectivity.plan import (
    BY_ACTIVATIONS,
    LAYER,
    MATCHED,
    NAIVE,
    RANDOM,
    RANDOM_PART,
    Config,
)

COLORS = {
    NAIVE: PALETTE[5],
    RANDOM: PALETTE[2],
    MATCHED: PALETTE[0],
    BY_ACTIVATIONS: PALETTE[1],
    LAYER: PALETTE[0],
    RANDOM_PART: PALETTE[5],
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """As in the paper: the mountain from above, and what rises between the runs."""
    return {
        "forks": panels(
            {"between the two runs": "to each other", "from a run back to where they parted": "to the fork"},
            lambda ax, method: _curves(ax, tables.rows("curve", method=method)),
            columns=2,
            width=4.3,
        ),
        "ridge": _ridge(tables),
        "estimates": _estimates(tables, config),
        "alignment": _alignment(tables),
    }


def _curves(ax: Axes, table: Any) -> None:
    named = table.assign(parted=[f"parted after {epoch}" for epoch in table["epoch"]])
    lines(ax, named, x="share", by="parted", marker="")
    ax.set(xlabel="share of the way", ylabel="training loss")
    ax.legend()


def _ridge(tables: Tables) -> Figure:
    drawn, ((ridge, cosine),) = figure_grid(1, 2, 8.6, 3.0)
    apart = tables["independent"]
    named = apart.assign(who=[f"independent, width {width}" for width in apart["width"]])
    lines(ridge, named, x="epoch", by="who", values="barrier")
    way = tables["way"].assign(who=[f"parted after {epoch}" for epoch in tables["way"]["epoch"]])
    lines(cosine, way, x="since", by="who", values="cosine")
    ridge.set(xlabel="epochs", ylabel="barrier of the loss", xscale="log")
    cosine.set(xlabel="epochs since the runs parted", ylabel="cosine of displacements", xscale="log")
    for ax in (ridge, cosine):
        ax.legend()
    return drawn


def _estimates(tables: Tables, config: Config) -> Figure:
    drawn, ((pairs, layers),) = figure_grid(1, 2, 8.6, 3.2)
    apart, parted = tables["independent"], tables.rows("forked", length=config.forks.training.epochs)
    groups = {"parted runs": parted}
    groups |= {f"independent, width {width}": own for width, own in apart.groupby("width")}
    for number, (name, table) in enumerate(groups.items()):
        pairs.plot(table["midpoint"], table["taylor"], "o", alpha=0.5, color=PALETTE[number], label=name)
    top = float(max(own["midpoint"].max() for own in groups.values()))
    pairs.plot([0, top], [0, top], "--", color=INK, linewidth=1)
    pairs.set(xlabel="barrier half way", ylabel="Taylor estimate from the ends")
    pairs.legend()
    dots(layers, tables["layers"], by="layer", beside="method", colors=COLORS)
    layers.set(xlabel="barrier of a part averaged alone")
    layers.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return drawn


def _alignment(tables: Tables) -> Figure:
    table = tables["aligned"]
    named = table.assign(network=[f"width {width}" for width in table["width"]])
    columns = {"barrier of the loss": "value", "barrier of the error": "error"}

    def show(ax: Axes, values: str) -> None:
        dots(ax, named, by="network", beside="method", values=values, colors=COLORS)

    return panels(columns, show, columns=2, width=4.3, legend=True)
