"""The figures of the cnn-visualization study."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.lab import Tables, mean_interval
from netopsy.lab.pictures import gallery_of
from netopsy.lab.plots import growth, intervals, lines, panels
from netopsy.studies.interpretability.cnn_visualization.plan import DECODER, ORIGINAL, SEARCH, TRAINED, Config

SHOWN = 4
"""Pictures in a row: noise cannot be compressed, and a page has to hold them."""


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """The pictures and curves of all claims, and what they cost."""
    errors = {"error of the images": "value", "error of the features": "feature_error"}
    stability = {"cosine with the last projection": "alike", "share of filters settled": "settled"}
    turned = {"unique detectors": "value", "mean best match (IoU)": "match"}
    costs = {"by size": ("side",), "by number": ("images", "units")}
    return {
        "preferred": _preferred(tables),
        "judged": _judged(tables),
        "reconstructions": _reconstructions(tables),
        "depth": panels(errors, partial(_depth, tables), height=2.9, legend=True),
        "stabilisation": panels(stability, partial(_stability, tables), height=2.9),
        "projections": _projections(tables),
        "top-nine": _top_nine(tables),
        "rotation": panels(turned, partial(_rotation, tables), height=2.9, legend=True),
        "detectors": _detectors(tables),
        "cost": panels(costs, partial(_cost, tables), width=4.2, height=3.0),
    }


def _preferred(tables: Tables) -> Figure:
    names = tables["preferred"]["class"].unique()[:SHOWN]
    return gallery_of(tables.rows("preferred", **{"class": list(names)}), ["condition"], str, list(names))


def _judged(tables: Tables) -> Figure:
    table = tables.wide("judged", columns="condition")
    drawn, ax = figure(5.6, 0.3 * table.shape[1] + 1.1)
    natural = tables.mean("natural", "condition")["judge"]
    estimates, blue = {name: mean_interval(table[name]) for name in table}, dict.fromkeys(table, PALETTE[0])
    intervals(ax, estimates, samples=dict(table.items()), colors=blue, mark=natural)
    ax.text(natural, -0.62, "photographs", ha="center", va="bottom", fontsize=8, color=INK)
    ax.set_xlabel("probability of the class by the second network\n(diamonds: means with 95 % intervals; dots: runs)")
    ax.set_xlim(0, None)
    return drawn


def _reconstructions(tables: Tables) -> Figure:
    def name(way: str, layer: str) -> str:
        return way if way == ORIGINAL else f"{_short(layer)}, {way}"

    return gallery_of(tables.rows("rebuilt", image=range(SHOWN)), ["way", "layer"], name)


def _depth(tables: Tables, ax: Axes, values: str) -> None:
    both = pd.concat([tables["inverted"].assign(way=SEARCH), tables["expected"].assign(way=DECODER)])
    layers = both["layer"].unique()
    lines(ax, both, x="layer", by="way", values=values, places=dict(zip(layers, range(len(layers)), strict=True)))
    ax.set_xticks(range(len(layers)), [_short(layer) for layer in layers])
    ax.set(xlabel="layer", ylabel="relative error", yscale="log")
    ax.yaxis.set_minor_locator(NullLocator())


def _stability(tables: Tables, ax: Axes, measure: str) -> None:
    table, style = tables["alike"], "default"
    if measure == "settled":
        ends, style = tables["settled"].dropna(subset="value"), "steps-post"
        each = [(epoch, ends.assign(epoch=epoch, value=ends["value"] <= epoch)) for epoch in table["epoch"].unique()]
        table = pd.concat([rows for _, rows in each])
    lines(ax, table, x="epoch", by="layer", marker="", drawstyle=style)
    ax.set(xlabel="epoch", ylim=(-0.03, 1.03))
    ax.legend(loc="lower right")


def _projections(tables: Tables) -> Figure:
    found = tables["projected"].sort_values(["depth", "unit"], kind="stable")
    epochs = [f"epoch {epoch:g}" for epoch in found["epoch"].unique()]
    return gallery_of(found, ["layer", "unit"], lambda layer, unit: f"{_short(layer)}\nfilter {int(unit)}", epochs)


def _top_nine(tables: Tables) -> Figure:
    """A square for each filter: its projections from the nine images in which it is highest, and those images."""
    return gallery_of(tables["nine"], ["layer", "kind"], lambda layer, kind: f"{_short(layer)}\n{kind}s", inches=1.3)


def _rotation(tables: Tables, ax: Axes, values: str) -> None:
    found = tables["unique"]
    lines(ax, found, x="share", by="weights", values=values)
    for color, (_, own) in zip(PALETTE, found.groupby("weights", sort=False), strict=False):
        ax.plot(own["share"], own[values], "o", color=color, alpha=0.25, markersize=3)
    ax.set_xlabel("rotation t, share of the way to a random basis")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=values == "value"))


def _detectors(tables: Tables) -> Figure:
    found = tables.mean("detected", ["category", "concept"], weights=TRAINED)
    drawn, ax = figure(7.6, 2.7)
    for color, (category, counts) in zip(PALETTE, found.groupby("category", sort=False), strict=False):
        ax.bar(counts.index.get_level_values("concept"), counts, color=color, label=category)
    names = found.index.get_level_values("concept")
    ax.set_xticks(range(len(names)), names, rotation=50, ha="right", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)
    ax.grid(visible=False, axis="x")
    ax.set_ylabel("units that detect it,\nmean over runs")
    ax.legend(loc="upper right")
    return drawn


def _cost(tables: Tables, ax: Axes, by: tuple[str, ...]) -> None:
    """A step of synthesis of eight images, 32 pixels a side; and what is asked of 32 units, 64 pixels a side."""
    table = pd.concat([tables.rows(measure, by=by) for measure in ("synthesis_cost", "units_cost")])
    growth(ax, table, x="size", by="method")
    ax.set(xlabel="pixels a side" if by == ("side",) else "images at once, or units", ylabel="milliseconds")


def _short(layer: str) -> str:
    return layer.rpartition(".")[2]
