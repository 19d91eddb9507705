"""The figures of the gan-dissection study."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netopsy.core.drawing import INK, PALETTE
from netopsy.data.scenes import SCENE_CLASSES
from netopsy.lab import Tables
from netopsy.lab.pictures import from_text, mosaic
from netopsy.lab.plots import growth, panels
from netopsy.studies.interpretability.gan_dissection.plan import BY_ALPHA, BY_IOU, OBJECTS, RANDOM, Config

DIMMED = 0.3
"""How bright an image is outside a mask."""
ABLATED = {
    "highest": "{object}, as made",
    "masked": "unit {unit:.0f}: IoU {iou:.2f}",
    "removed": "{object} units off",
}
INSERTED = {"without": "no {object}, as made", "masked": "where {object} units go on", "inserted": "{object} units on"}
"""Kinds of pictures to what is beside a row of them."""


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Units and their objects, what removing and inserting them does, in pictures and in numbers, and the cost.

    What is made of no generator's images is not there: of objects that it hardly shows there are no pictures.
    """
    layers = {layer.replace("layer", "layer "): layer for layer in config.measured.causal}
    objects = {name: name for name in OBJECTS}
    removal = {(name, title): (name, layer) for title, layer in layers.items() for name in OBJECTS}
    costs = {"64 units": ("side", "pixels a side", 2), "64 pixels a side": ("units", "units", 1)}
    drawn = {
        "agreement": panels(objects, partial(_agreement, tables), width=2.7, height=2.5, legend=True, sharey=True),
        "side-effects": panels(layers, partial(_side_effects, tables, config), width=3.0, height=2.4, sharey=True),
        "cost": panels(costs, partial(_cost, tables), height=2.7, sharey=True),
    }
    if "curve" in tables:
        shared = {"sharex": True, "sharey": True, "legend": True}
        drawn["removal"] = panels(removal, partial(_removal, tables, config), width=2.7, height=1.9, **shared)
        drawn["insertion"] = panels(objects, partial(_insertion, tables), width=2.7, height=2.7, sharey=True)
    if "picture" in tables:
        drawn |= {"ablated": _edited(tables["picture"], ABLATED), "inserted": _edited(tables["picture"], INSERTED)}
    return drawn


def _agreement(tables: Tables, ax: Axes, name: str) -> None:
    layers = list(tables["iou"]["layer"].unique())
    called = {"trained": "trained", "shuffled": "masks shuffled, 95%", "untrained": "untrained, 95%"}
    for (kind, label), color, aside, marker in zip(called.items(), PALETTE, (0, -0.18, 0.18), "o_x", strict=False):
        found = tables.rows("iou", object=name, kind=kind).groupby(["layer", "seed"])["value"].quantile(0.95)
        ax.plot([layers.index(layer) + aside for layer, _ in found.index], found, marker, color=color, label=label)
    ax.set_xticks(range(len(layers)), [layer.removeprefix("layer") for layer in layers])
    ax.set(xlabel="layer", ylim=(0, 1))
    if name == next(iter(OBJECTS)):
        ax.set_ylabel("IoU of the best unit")


def _edited(pictures: pd.DataFrame, called: Mapping[str, str]) -> Figure:
    """Three rows of images an object: as made, the rest dimmed where the units are high or go on, and edited."""
    made, rows = next(iter(called)), {}
    for (_, kind), own in pictures.groupby(["object", "kind"], sort=False):
        images = [from_text(text).unflatten(0, (3, -1)) for text in own["picture"]]
        if kind in called:
            rows[called[str(kind)].format(**own.iloc[0])] = images
        if kind == made:
            masks = [from_text(text) for text in own["mask"]]
            masked = [image * (DIMMED + (1 - DIMMED) * mask) for image, mask in zip(images, masks, strict=True)]
            rows[called["masked"].format(**own.iloc[0])] = masked
    return mosaic(rows)


def _removal(tables: Tables, config: Config, ax: Axes, of: tuple[str, str]) -> None:
    name, layer = of
    curves = tables.wide("curve", index="n", columns=("by", "seed"), layer=layer, object=name)
    for order, color, dashes in ((BY_IOU, PALETTE[0], "-"), (BY_ALPHA, PALETTE[1], "--")):
        if order in curves:
            # With a handful of generators a line each says more than a band.
            ax.plot(curves.index, curves[order], color=color, linewidth=0.7, alpha=0.4)
            label = f"highest {order} first, mean"
            ax.plot(
                curves.index, curves[order].mean(axis=1), dashes, marker="o", markersize=3, color=color, label=label
            )
    chance = tables.rows("removal", by=RANDOM, layer=layer, object=name)["value"]
    at = config.measured.units
    ax.plot([at, at], chance.quantile([0.05, 0.95]), color=PALETTE[2], linewidth=4, alpha=0.4)
    ax.plot(at, chance.mean(), "s", color=PALETTE[2], label="random units, 5% to 95%")
    sets = tables.rows("removal", by=RANDOM, object=tuple(OBJECTS)).groupby(["layer", "object"])["value"]
    ax.set(ylim=(sets.quantile(0.05).min() - 0.08, 1.08), xlabel="units switched off", ylabel="share removed")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.label_outer()


def _side_effects(tables: Tables, config: Config, ax: Axes, layer: str) -> None:
    table = tables.wide("removal", index="by", columns="object", layer=layer)
    shares = table.reindex(index=[*OBJECTS, RANDOM], columns=list(SCENE_CLASSES))
    ax.imshow(shares.to_numpy(), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(shares.to_numpy()):
        color = "white" if abs(value) > 0.6 else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=color)
    ax.set_xticks(range(shares.shape[1]), shares.columns)
    ax.set_yticks(range(len(shares)), [f"{config.measured.units} {name}" for name in shares.index])
    ax.set(xlabel="share of its pixels removed", ylabel="units switched off")
    ax.label_outer()
    ax.grid(visible=False)


def _insertion(tables: Tables, ax: Axes, name: str) -> None:
    found = tables.wide("insertion", index="row", columns="column", object=name)
    if found.empty:  # the generators hardly ever show it
        return
    ax.imshow(found.to_numpy(), cmap="viridis", vmin=0)
    for edge in (8, 10):
        ax.axhline(edge / 16 * len(found) - 0.5, color="white", linestyle=":", linewidth=1)
    most = found.to_numpy().max()
    ax.set(xlabel=f"column (brightest: {most:.2f} pixels gained)", ylabel="row (dotted: horizons)")
    ax.label_outer()
    ax.grid(visible=False)


def _cost(tables: Tables, ax: Axes, of: tuple[str, str, int]) -> None:
    by, label, power = of
    table = tables.rows("cost", by=by)
    growth(ax, table, x="size")
    pure = table["value"].iloc[0] * (table["size"] / table["size"].iloc[0]) ** power
    ax.plot(table["size"], pure, ":", color=INK, label="in proportion to the pixels" if power == 2 else "in proportion")
    ax.set(xlabel=label, ylabel="milliseconds for 20 + 20 images")
    ax.label_outer()
    ax.legend(loc="upper left")
