"""The figures of the gan-dissection study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.data.scenes import SCENE_CLASSES
from netopsy.lab import Tables
from netopsy.lab.plots import from_text, growth
from netopsy.studies.interpretability.gan_dissection.plan import OBJECTS, Config

COLOURS = dict(
    zip(("trained", "shuffled", "untrained", "IoU", "alpha", "random"), [*PALETTE[:3], *PALETTE[:3]], strict=True)
)
_OUTLINE = "#ff00c8"
_GAP = 2
"""Pixels between images."""


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Units and their objects, what removing and inserting them does, in pictures and in numbers, and the cost."""
    pictures = tables["picture"] if "picture" in tables else pd.DataFrame({"kind": [], "object": []})
    return {
        "agreement": _agreement(tables),
        "ablated": _edited(pictures, {"highest": "made", "removed": "without the units"}, config),
        "inserted": _edited(pictures, {"without": "made", "inserted": "with the units on"}, config),
        "removal": _removal(tables, config),
        "side-effects": _side_effects(tables, config),
        "insertion": _insertion(tables),
        "cost": _cost(tables),
    }


def _agreement(tables: Tables) -> Figure:
    found = tables["iou"]
    drawn, axes = figure_grid(1, len(OBJECTS), 8.2, 2.9, sharey=True)
    layers = list(found["layer"].unique())
    for ax, name in zip(axes[0], OBJECTS, strict=True):
        own = found[found["object"] == name]
        for kind, aside, marker in (("trained", 0.0, "o"), ("shuffled", -0.18, "_"), ("untrained", 0.18, "x")):
            values = own[own["kind"] == kind].groupby(["layer", "seed"])["value"].quantile(0.95)
            places = [layers.index(layer) + aside for layer, _ in values.index]
            label = {"trained": "trained", "shuffled": "masks shuffled, 95%", "untrained": "untrained, 95%"}[kind]
            ax.plot(places, values, marker, color=COLOURS[kind], label=label, markersize=6 if marker == "_" else 4)
        ax.set_title(name)
        ax.set_xticks(range(len(layers)), [layer.removeprefix("layer") for layer in layers])
        ax.set(xlabel="layer", ylim=(0, 1))
    axes[0, 0].set_ylabel("IoU of the best unit")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return drawn


def _edited(pictures: pd.DataFrame, kinds: dict[str, str], config: Config) -> Figure:
    """Two lines of images an object, as made and edited; outlined where the unit is high, or where it is forced on.

    All images are in one set of axes: a set of axes each takes seconds to lay out.
    """
    wanted = pictures[pictures["kind"].isin(list(kinds))]
    count = int(wanted.groupby(["object", "kind"]).size().max()) if len(wanted) else 1
    lines = [(name, kind) for name in OBJECTS for kind in kinds]
    drawn, axes = figure_grid(1, 1, 0.9 * (count + 1.5), 0.95 * len(lines) + 0.4)
    ax, size, borders = axes[0, 0], _size(wanted), []
    for number, (name, kind) in enumerate(lines):
        top = number * (size + _GAP) + number // len(kinds) * 2 * _GAP
        own = wanted[(wanted["object"] == name) & (wanted["kind"] == kind)]
        for place, (_, row) in enumerate(own.iterrows()):
            left = place * (size + _GAP)
            stacked = from_text(str(row["picture"])).numpy()
            image = stacked.reshape(3, size, size).transpose(1, 2, 0)
            ax.imshow(image, interpolation="nearest", extent=(left, left + size, top + size, top))
            high = _marked(row, size)
            borders += [[(x + left, y + top) for x, y in line] for line in _borders(high)]
        words = f"{name}: {kinds[kind]}" if kind == next(iter(kinds)) else kinds[kind]
        ax.text(-_GAP, top + size / 2, words, ha="right", va="center", fontsize=8)
        if kind == "highest" and len(own):
            unit, iou = int(own["unit"].iloc[0]), own["iou"].iloc[0]
            words = f"outline: unit {unit} of {config.measured.layer}, IoU with {name} {iou:.2f}"
            ax.text(0, top - 0.5, words, ha="left", va="bottom", fontsize=7.5)
    ax.add_collection(LineCollection(borders, colors=_OUTLINE, linewidths=1.2))
    ax.set_xlim(-1.5 * size, count * (size + _GAP))
    ax.set_ylim(len(lines) * (size + _GAP) + len(OBJECTS) * 2 * _GAP, -2 * _GAP)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return drawn


def _size(pictures: pd.DataFrame) -> int:
    """Pixels a side."""
    return int(from_text(str(pictures["picture"].iloc[0])).shape[1]) if len(pictures) else 16


def _marked(row: pd.Series, size: int) -> np.ndarray:
    """Which pixels are within the outline of an image."""
    high = np.zeros((size, size), dtype=bool)
    if row["kind"] == "highest":
        return from_text(str(row["outline"])).numpy() > 0.5
    if row["kind"] == "inserted":
        cell = size / float(row["rows"])
        top, left, tall, wide = (round(cell * float(number)) for number in str(row["patch"]).split())
        high[top : top + tall, left : left + wide] = True
    return high


def _borders(high: np.ndarray) -> list[list[tuple[float, float]]]:
    """The edges of pixels that are high on one side and not on the other."""
    padded = np.pad(high, 1).astype(int)
    across = [[(x - 1.0, float(y)), (float(x), float(y))] for y, x in np.argwhere(np.diff(padded, axis=0))]
    down = [[(float(x), y - 1.0), (float(x), float(y))] for y, x in np.argwhere(np.diff(padded, axis=1))]
    return across + down


def _removal(tables: Tables, config: Config) -> Figure:
    curves = tables["curve"] if "curve" in tables else pd.DataFrame({"layer": []})
    by_chance = tables.rows("removal", by="random")
    layers = list(curves["layer"].unique()) or [config.measured.layer]
    drawn, axes = figure_grid(len(layers), len(OBJECTS), 8.2, 2.0 * len(layers) + 0.4, sharex=True, sharey=True)
    for line, layer in zip(axes, layers, strict=True):
        for ax, name in zip(line, OBJECTS, strict=True):
            here = curves[(curves["layer"] == layer) & (curves["object"] == name)]
            for order in ("IoU", "alpha"):
                table = here[here["by"] == order].pivot_table(index="seed", columns="n", values="value")
                if len(table):
                    label = {"IoU": "highest IoU first, mean", "alpha": "highest alpha first, mean"}[order]
                    options: Any = {"marker": "o", "markersize": 3, "linestyle": "-" if order == "IoU" else "--"}
                    # With a handful of generators a line each says more than a band.
                    ax.plot(table.columns, table.T, color=COLOURS[order], linewidth=0.7, alpha=0.4)
                    ax.plot(table.columns, table.mean(), label=label, color=COLOURS[order], **options)
            chance = by_chance[(by_chance["layer"] == layer) & (by_chance["object"] == name)]["value"]
            low, high = chance.quantile([0.05, 0.95])
            ax.plot([config.measured.units] * 2, [low, high], color=COLOURS["random"], linewidth=4, alpha=0.4)
            ax.plot(config.measured.units, chance.mean(), "s", color=COLOURS["random"], label="random units, 5% to 95%")
            ax.set_title(f"{name}, {layer.replace('layer', 'layer ')}")
            ax.set_ylim(-0.35, 1.08)
    for ax in axes[:, 0]:
        ax.set_ylabel("share removed")
    for ax in axes[-1]:
        ax.set_xlabel("units switched off")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    legends = [ax.get_legend_handles_labels() for ax in drawn.axes]
    every = {label: handle for handles, labels in legends for handle, label in zip(handles, labels, strict=True)}
    drawn.legend(list(every.values()), list(every), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return drawn


def _side_effects(tables: Tables, config: Config) -> Figure:
    found = tables["removal"]
    layers = list(found["layer"].unique()) or [config.measured.layer]
    drawn, axes = figure_grid(1, len(layers), 3.0 * len(layers), 2.5, sharey=True)
    by = [*OBJECTS, "random"]
    for ax, layer in zip(axes[0], layers, strict=True):
        table = found[found["layer"] == layer].pivot_table(index="by", columns="object", values="value")
        values = table.reindex(index=by, columns=list(SCENE_CLASSES)).to_numpy()
        ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            colour = "white" if abs(value) > 0.6 else "black"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
        ax.set_xticks(range(len(SCENE_CLASSES)), SCENE_CLASSES)
        ax.set_yticks(range(len(by)), [f"{config.measured.units} {name}" for name in by])
        ax.set_title(layer.replace("layer", "layer "))
        ax.grid(visible=False)
        ax.set_xlabel("share of its pixels removed")
    axes[0, 0].set_ylabel("units switched off")
    return drawn


def _insertion(tables: Tables) -> Figure:
    found = (
        tables["insertion"]
        if "insertion" in tables
        else pd.DataFrame({"object": [], "row": [], "column": [], "value": []})
    )
    drawn, axes = figure_grid(1, len(OBJECTS), 8.2, 2.6)
    for ax, name in zip(axes[0], OBJECTS, strict=True):
        table = found[found["object"] == name].pivot_table(index="row", columns="column", values="value")
        ax.set_title(name)
        if table.empty:  # the generator hardly ever shows it
            continue
        image = ax.imshow(table.to_numpy(), cmap="viridis", vmin=0)
        for edge in (8, 10):
            ax.axhline(edge / 16 * len(table) - 0.5, color="white", linestyle=":", linewidth=1)
        ax.set_xlabel("column (dotted: horizons)")
        ax.grid(visible=False)
        drawn.colorbar(image, ax=ax, shrink=0.85)
    axes[0, 0].set_ylabel("row of the layer's grid")
    drawn.axes[-1].set_ylabel("pixels gained")
    return drawn


def _cost(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.0, 2.8, sharey=True)
    for ax, x, label in (
        (axes[0, 0], "side", "pixels a side, 64 units"),
        (axes[0, 1], "units", "units, 64 pixels a side"),
    ):
        table, power = tables[f"cost_by_{x}"], 2 if x == "side" else 1
        growth(ax, table, x=x)
        pure = table["value"].iloc[0] * (table[x] / table[x].iloc[0]) ** power
        named = "in proportion to the pixels" if power == 2 else "in proportion"
        ax.plot(table[x], pure, ":", color=INK, label=named)
        ax.set_xlabel(label)
        ax.legend(loc="upper left", frameon=False, fontsize=8)
    axes[0, 0].set(ylabel="milliseconds for 20 + 20 images", title="Cost of a dissection, on one core")
    return drawn
