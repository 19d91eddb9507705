"""The figures of the cnn-visualization study on synthesis."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import mean_interval
from netopsy.lab.costs import cost_lines
from netopsy.studies.interpretability._cnn_synthesis import DECODER, ORIGINAL, SEARCH
from netopsy.studies.interpretability._cnn_synthesis_verdicts import errors_by_layer, judged
from netopsy.studies.interpretability._pictures import Picture, from_text

_INCHES = 0.68
WAYS = {"inverted": (SEARCH, PALETTE[0]), "expected": (DECODER, PALETTE[1])}


def draw_synthesis(rows: pd.DataFrame) -> dict[str, Figure]:
    """Preferred images and how they are judged, reconstructions and their errors by layer, and the cost."""
    return {
        "preferred": _preferred(rows),
        "judged": _judged(rows),
        "reconstructions": _reconstructions(rows),
        "depth": _depth(rows),
        "synthesis-cost": _cost(rows),
    }


def _preferred(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "preferred"]
    conditions, classes = found["condition"].unique(), [str(name) for name in found["class"].unique()]
    table = found.set_index(["condition", "class"])["picture"]
    grid = [[from_text(str(table[condition, name])) for name in classes] for condition in conditions]
    return _mosaic(grid, [str(name) for name in conditions], classes)


def _judged(rows: pd.DataFrame) -> Figure:
    table = judged(rows)
    drawn, ax = figure(5.6, 0.3 * table.shape[1] + 1.1)
    for place, condition in enumerate(table):
        by_run = table[condition].groupby("seed").mean()
        estimate = mean_interval(table[condition])
        ax.plot(estimate.interval, [place] * 2, color=PALETTE[0], alpha=0.6)
        ax.plot(by_run, [place] * len(by_run), "o", color=PALETTE[0], alpha=0.4)
        ax.plot(estimate.value, place, "D", color=PALETTE[0])
    natural = rows[(rows["measure"] == "natural") & (rows["condition"] == "judge")]["value"].mean()
    ax.axvline(natural, color=INK, linestyle="--", linewidth=0.9)
    ax.text(natural, -0.62, "photographs", ha="center", va="bottom", fontsize=8, color=INK)
    ax.set_yticks(range(table.shape[1]), [str(name) for name in table])
    ax.set_ylim(table.shape[1] - 0.5, -0.6)
    ax.set_xlabel("probability of the class by the second network\n(diamonds: means with 95 % intervals; dots: runs)")
    ax.set_xlim(0, None)
    return drawn


def _reconstructions(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "rebuilt"]
    images = sorted(found["image"].unique())
    layers = [str(name) for name in found["layer"].unique() if name != ORIGINAL]
    lines = [(ORIGINAL, ORIGINAL), *((way, layer) for layer in layers for way in (SEARCH, DECODER))]
    table = found.set_index(["way", "layer", "image"])["picture"]
    grid = [[from_text(str(table[way, layer, image])) for image in images] for way, layer in lines]
    names = [layer if layer == ORIGINAL else f"{layer.rpartition('.')[2]}, {way}" for way, layer in lines]
    return _mosaic(grid, names)


def _depth(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 2.9)
    labels: list[str] = []
    for measure, (name, color) in WAYS.items():
        table = errors_by_layer(rows, measure)
        labels = [str(layer).rpartition(".")[2] for layer in table]
        places = range(len(labels))
        for ax, of_layers in ((axes[0, 0], table), (axes[0, 1], _feature_errors(rows, measure))):
            middle = of_layers.median()
            low, high = of_layers.quantile(0.25), of_layers.quantile(0.75)
            ax.plot(places, middle, marker="o", color=color, label=name)
            ax.fill_between(places, low, high, color=color, alpha=0.2, linewidth=0)
    for ax, what in zip(axes[0], ("image", "feature"), strict=True):
        ax.set_xticks(range(len(labels)), labels)
        ax.set(xlabel="layer", ylabel=f"relative {what} error", yscale="log", title=f"Error of the {what}s")
        ax.yaxis.set_minor_locator(NullLocator())
    axes[0, 0].legend(title="median, quartiles", title_fontsize=8)
    return drawn


def _feature_errors(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    found = rows[rows["measure"] == measure].drop(columns="value").rename(columns={"feature_error": "value"})
    return errors_by_layer(found, measure)


def _cost(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "synthesis cost"]
    drawn, axes = figure_grid(1, 2, 7.6, 2.9)
    for ax, by, label in zip(axes[0], ("side", "images"), ("pixels a side", "images at once"), strict=True):
        cost_lines(ax, found[found["by"] == by], x="size", by="method")
        ax.set(xlabel=label, ylabel="ms for a step of one image")
    axes[0, 0].set_title("By size, eight images at once")
    axes[0, 1].set_title("By number, 32 pixels a side")
    return drawn


def _mosaic(grid: Sequence[Sequence[Picture]], lines: Sequence[str], columns: Sequence[str] = ()) -> Figure:
    """Pictures in lines as one image: hundreds of axes would take seconds to draw."""
    height, width = grid[0][0].shape
    gap = max(1, height // 12)
    padded = [[F.pad(picture, (0, gap, 0, gap), value=float("nan")) for picture in line] for line in grid]
    whole = torch.cat([torch.cat(line, 1) for line in padded])[:-gap, :-gap]
    drawn, ax = figure(_INCHES * len(grid[0]) + 1.7, _INCHES * len(grid) + 0.3)
    ax.imshow(whole.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_yticks([(height + gap) * place + height / 2 for place in range(len(lines))], lines)
    across = [(width + gap) * place + width / 2 for place in range(len(grid[0]))]
    ax.set_xticks(across if columns else [], columns)
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    return drawn
