"""The figures of the eigen-cam study."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.interpretability.overlay import overlay
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import from_text, growth, intervals, lines, panels
from netopsy.studies.interpretability.eigen_cam.judge import after_mistakes, errors, layers_of
from netopsy.studies.interpretability.eigen_cam.plan import CLEAN, EIGEN, GRAD, METHODS, NOISE, RANDOM, Config

COMPARED = METHODS[:6]
"""What the figures by threshold show; the others are in the table."""
COLORS = dict(zip(COMPARED, PALETTE, strict=True))


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Error against threshold, the errors clean and under noise, after mistakes, examples, and the cost."""
    layers = {layer: layer for layer in layers_of(tables)}
    costs = {"by the image, 24 channels": ("cost", "side"), "by the layer, 14x14 places": ("cost_by_units", "units")}
    drawn = {
        "threshold": panels(layers, partial(_threshold, tables), width=4.4, height=3.6, sharey=True, legend=True),
        "noise": panels(layers, partial(_noise, tables), width=4.6, height=3.2, sharey=True),
        "mistakes": panels(layers, partial(_mistakes, tables), width=4.4, height=1.8, sharey=True),
        "cost": panels(costs, partial(_cost, tables), width=3.8, height=3.0),
    }
    return drawn | ({"examples": _examples(tables)} if "example" in tables else {})


def _threshold(tables: Tables, ax: Axes, layer: str) -> None:
    table = tables.rows("threshold", layer=layer)
    lines(ax, table, x="threshold", by="method", names=COMPARED, colors=COLORS)
    random = table[table["method"] == RANDOM].groupby("threshold")["value"].mean()
    ax.plot(random.index, random, color=INK, linestyle=":", label="random map")
    ax.set(xlabel="threshold, share of the map's range", ylabel="localisation error", ylim=(-0.03, 1.03))


def _noise(tables: Tables, ax: Axes, layer: str) -> None:
    for condition, color, aside in ((CLEAN, PALETTE[0], -0.14), (NOISE, PALETTE[1], 0.14)):
        table = errors(tables, condition, layer)
        for place, method in enumerate(METHODS):
            if method in table:
                estimate = mean_interval(table[method])
                ax.plot(table[method], [place + aside] * len(table), "o", color=color, alpha=0.3)
                ax.plot(estimate.interval, [place + aside] * 2, color=color, alpha=0.7)
                label = condition if method == EIGEN else None
                ax.plot(estimate.value, place + aside, "D", color=color, label=label)
    ax.set_yticks(range(len(METHODS)), METHODS)
    ax.set_ylim(len(METHODS) - 0.5, -0.5)
    ax.set_xlabel("localisation error, a dot a run")
    if layer == layers_of(tables)[0]:
        ax.legend(loc="lower right")


def _mistakes(tables: Tables, ax: Axes, layer: str) -> None:
    intervals(ax, {method: after_mistakes(tables, layer, method) for method in (EIGEN, GRAD)}, colors=COLORS)
    ax.axvspan(-0.1, 0.1, color=INK, alpha=0.1)
    ax.set_xlabel("error, misclassified - recognised")


def _cost(tables: Tables, ax: Axes, of: tuple[str, str]) -> None:
    measure, x = of
    growth(ax, tables[measure], x=x, by="method", colors=COLORS)
    ax.set(xlabel={"side": "pixels a side", "units": "channels"}[x], ylabel="milliseconds for 8 images")


def _examples(tables: Tables) -> Figure:
    table = tables["example"].set_index(["scene", "condition", "method"])
    scenes = sorted(table.index.unique("scene"))
    rows = [(scene, condition) for scene in scenes for condition in (CLEAN, NOISE)]
    names = ["image", *(name for name in COMPARED if (0, CLEAN, name) in table.index)]
    drawn, axes = figure_grid(len(rows), len(names), 1.05 * (len(names) + 0.6), 1.05 * len(rows) + 0.3)
    for line, (scene, condition) in zip(axes, rows, strict=True):
        own = table.loc[(scene, condition)]
        image = from_text(own.loc["image", "picture"])
        top, left, bottom, right = map(int, own.loc["image", "box"].split())
        for ax, name in zip(line, names, strict=True):
            if name == "image":
                ax.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=1)
                ax.set_axis_off()
                ax.text(-0.08, 0.5, condition, transform=ax.transAxes, ha="right", va="center", fontsize=8)
            else:
                overlay(image[None, None], from_text(own.loc[name, "picture"])[None], ax)
            corner, size = (left - 0.5, top - 0.5), (right - left, bottom - top)
            ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor=PALETTE[2], lw=1))
            if (scene, condition) == rows[0]:
                ax.set_title(name, fontsize=7, loc="center")
    return drawn
