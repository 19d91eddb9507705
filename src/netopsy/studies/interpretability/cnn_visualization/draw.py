"""The figures of the cnn-visualization study."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import bars, from_text, growth, intervals, lines, mosaic, panels
from netopsy.studies.interpretability.cnn_visualization.plan import DECODER, ORIGINAL, SEARCH, TRAINED, Config

SHOWN = 5
"""Pictures in a row: noise cannot be compressed, and a page has to hold them."""


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """The pictures and curves of all claims, and what they cost."""
    detected = {category: own for category, own in tables.rows("detected", weights=TRAINED).groupby("category")}
    errors = {"Error of the images": "value", "Error of the features": "feature_error"}
    stability = {"alike": "cosine with the last projection", "settled": "share of filters settled"}
    turned = {"value": "unique detectors", "match": "mean best match (IoU)"}
    costs = {
        "a step of eight images": ("synthesis_cost", "side", "pixels a side"),
        "a step, 32 pixels a side": ("synthesis_cost", "images", "images at once"),
        "32 units": ("units_cost", "side", "pixels a side"),
        "64 pixels a side": ("units_cost", "units", "units"),
    }
    return {
        "preferred": _preferred(tables),
        "judged": _judged(tables),
        "reconstructions": _reconstructions(tables),
        "depth": panels(errors, partial(_depth, tables), height=2.9, legend=True),
        "stabilisation": panels(dict(zip(stability.values(), stability, strict=True)), partial(_stability, tables)),
        "projections": _projections(tables),
        "rotation": panels(dict(zip(turned.values(), turned, strict=True)), partial(_rotation, tables), legend=True),
        "detectors": panels(detected, _detected, height=2.6, sharey=True),
        "cost": panels(costs, partial(_cost, tables), columns=2, height=2.7),
    }


def _preferred(tables: Tables) -> Figure:
    found = tables["preferred"]
    shown = found[found["class"].isin(found["class"].unique()[:SHOWN])]
    rows = {name: [*map(from_text, own["picture"])] for name, own in shown.groupby("condition", sort=False)}
    return mosaic(rows, list(shown["class"].unique()))


def _judged(tables: Tables) -> Figure:
    table = tables.wide("judged", columns="condition")
    drawn, ax = figure(5.6, 0.3 * table.shape[1] + 1.1)
    natural = tables.mean("natural", "condition")["judge"]
    intervals(ax, {name: mean_interval(table[name]) for name in table}, samples=dict(table.items()), mark=natural)
    ax.text(natural, -0.62, "photographs", ha="center", va="bottom", fontsize=8, color=INK)
    ax.set_xlabel("probability of the class by the second network\n(diamonds: means with 95 % intervals; dots: runs)")
    ax.set_xlim(0, None)
    return drawn


def _reconstructions(tables: Tables) -> Figure:
    found = tables.rows("rebuilt", image=range(SHOWN))
    return mosaic(
        {
            way if way == ORIGINAL else f"{_short(layer)}, {way}": [*map(from_text, own["picture"])]
            for (way, layer), own in found.groupby(["way", "layer"], sort=False)
        }
    )


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
    """A row for each filter: its projection as training goes on; the nine from its top images; and those images."""
    found = pd.concat([tables["projected"], tables["nine"]]).sort_values(["depth", "unit"], kind="stable")
    epochs = [f"epoch {epoch:g}" for epoch in tables["projected"]["epoch"].unique()]
    rows = {
        f"{_short(layer)}\nfilter {unit}": [*map(from_text, own["picture"])]
        for (layer, unit), own in found.groupby(["layer", "unit"], sort=False)
    }
    return mosaic(rows, [*epochs, "top nine", "images"], inches=0.8)


def _rotation(tables: Tables, ax: Axes, values: str) -> None:
    found = tables["unique"]
    lines(ax, found, x="share", by="weights", values=values)
    for color, (_, own) in zip(PALETTE, found.groupby("weights", sort=False), strict=False):
        ax.plot(own["share"], own[values], "o", color=color, alpha=0.25, markersize=3)
    ax.set_xlabel("rotation t, share of the way to a random basis")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(6, integer=values == "value"))


def _detected(ax: Axes, table: pd.DataFrame) -> None:
    bars(ax, table, by="concept")
    ax.set_xticks(ax.get_xticks(), ax.get_xticklabels(), rotation=50, ha="right", rotation_mode="anchor")
    ax.set_ylabel("units that detect it, mean over runs")
    ax.label_outer()


def _cost(tables: Tables, ax: Axes, of: tuple[str, str, str]) -> None:
    measure, by, label = of
    growth(ax, tables.rows(measure, by=by), x="size", by="method")
    ax.set(xlabel=label, ylabel="milliseconds")


def _short(layer: str) -> str:
    return layer.rpartition(".")[2]
