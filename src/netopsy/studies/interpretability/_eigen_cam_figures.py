"""The figures of the eigen-cam study."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from netopsy.interpretability.overlay import overlay
from netopsy.lab import mean_interval
from netopsy.lab.costs import cost_lines
from netopsy.lab.figures import INK, PALETTE, figure_grid, mean_with_band
from netopsy.studies.interpretability._eigen_cam_maps import EIGEN, GRAD, METHODS
from netopsy.studies.interpretability._eigen_cam_verdicts import after_mistakes, layers_of, wrong
from netopsy.studies.interpretability._pictures import from_text

COLORS = dict(zip(METHODS, [*PALETTE, "#8c564b", PALETTE[0], PALETTE[0]], strict=True))
DASHES = dict(zip(METHODS, ["-", "-", "-", "-", "-", "-", ":", "--", ":"], strict=True))


def draw(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """Error against threshold, the errors clean and under noise, after mistakes, examples, and the cost."""
    return {
        "threshold": _by_layer(rows, _threshold, 3.6),
        "noise": _by_layer(rows, _noise, 3.4),
        "mistakes": _by_layer(rows, _mistakes, 2.0),
        "examples": _examples(rows),
        "cost": _cost(rows),
    }


def _by_layer(rows: pd.DataFrame, panel: Any, height: float) -> Figure:
    layers = layers_of(rows)
    drawn, axes = figure_grid(1, len(layers), 4.2 * len(layers), height, sharex=True, sharey=True)
    for ax, layer in zip(axes[0], layers, strict=True):
        panel(ax, rows, layer)
        ax.set_title(layer)
    return drawn


def _threshold(ax: Axes, rows: pd.DataFrame, layer: str) -> None:
    found = rows[(rows["measure"] == "threshold") & (rows["layer"] == layer)]
    for method in METHODS:
        table = found[found["method"] == method].pivot(index="seed", columns="threshold", values="value")
        if len(table):
            options: Any = {"linestyle": DASHES[method], "marker": "o"}
            mean_with_band(ax, list(table.columns), table, label=method, color=COLORS[method], **options)
    ax.set(xlabel="threshold, share of the map's range", ylim=(-0.03, 1.03))
    if layer == layers_of(rows)[0]:
        ax.set_ylabel("localisation error")
    else:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _noise(ax: Axes, rows: pd.DataFrame, layer: str) -> None:
    for condition, color, aside in (("clean", PALETTE[0], -0.12), ("noise", PALETTE[1], 0.12)):
        table = wrong(rows, condition, layer)
        seeds = rows[(rows["measure"] == "wrong") & (rows["condition"] == condition) & (rows["layer"] == layer)]["seed"]
        for place, method in enumerate(METHODS):
            if method not in table:
                continue
            by_run = table[method].groupby(seeds.to_numpy()).mean()
            estimate = mean_interval(by_run)
            ax.plot(by_run, [place + aside] * len(by_run), "o", color=color, alpha=0.4)
            ax.plot(estimate.value, place + aside, "D", color=color, label=condition if method == EIGEN else None)
    ax.set_yticks(range(len(METHODS)), METHODS)
    if layer == layers_of(rows)[0]:
        ax.invert_yaxis()
        ax.legend(loc="lower right")
    ax.set_xlabel("localisation error, a dot a run")


def _mistakes(ax: Axes, rows: pd.DataFrame, layer: str) -> None:
    methods = (EIGEN, GRAD)
    for place, method in enumerate(methods):
        estimate = after_mistakes(rows, layer, method)
        ax.plot(estimate.interval, [place] * 2, color=COLORS[method], alpha=0.6)
        ax.plot(estimate.value, place, "D", color=COLORS[method])
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.axvspan(-0.1, 0.1, color=INK, alpha=0.1)
    ax.set_yticks(range(len(methods)), methods)
    ax.set_ylim(len(methods) - 0.5, -0.5)
    ax.set_xlabel("error, misclassified - recognised")


def _examples(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "example"]
    methods = [name for name in METHODS if name in set(found["method"])]
    lines = [(scene, condition) for scene in sorted(found["scene"].unique()) for condition in ("clean", "noise")]
    drawn, axes = figure_grid(len(lines), len(methods) + 1, 1.05 * (len(methods) + 1), 1.05 * len(lines) + 0.3)
    table = found.set_index(["scene", "condition", "method"])
    for line, (scene, condition) in zip(axes, lines, strict=True):
        image = from_text(str(table.loc[(scene, condition, "image"), "picture"]))
        top, left, bottom, right = map(int, str(table.loc[(scene, condition, "image"), "box"]).split())
        line[0].imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
        line[0].set_axis_off()
        line[0].text(-0.08, 0.5, condition, transform=line[0].transAxes, ha="right", va="center", fontsize=8)
        for ax, method in zip(line[1:], methods, strict=True):
            overlay(image[None, None], from_text(str(table.loc[(scene, condition, method), "picture"]))[None], ax)
        for ax in line:
            ax.add_patch(
                Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=PALETTE[2], lw=1)
            )
    for ax, name in zip(axes[0], ["image", *methods], strict=True):
        ax.set_title(name.replace(" ", "\n", 1), fontsize=7, loc="center")
    return drawn


def _cost(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 3.0)
    for ax, measure, x, label, title in (
        (axes[0, 0], "cost", "side", "pixels a side", "by the image, 24 channels"),
        (axes[0, 1], "cost by units", "units", "channels", "by the layer, 14x14 places"),
    ):
        cost_lines(ax, rows[rows["measure"] == measure], x=x, by="method")
        ax.set(xlabel=label, ylabel="milliseconds for 8 images", title=title)
    return drawn
