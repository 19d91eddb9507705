"""The figures of the cnn-visualization study."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import Picture, from_text, growth, mean_with_band, panels
from netopsy.studies.interpretability.cnn_visualization.judge import by_depth
from netopsy.studies.interpretability.cnn_visualization.plan import DECODER, ORIGINAL, RANDOM, SEARCH, TRAINED, Config

_INCHES = 0.62
SHOWN = 5
"""Pictures in a line: noise cannot be compressed, and a page has to hold them."""
WAYS = {"inverted": (SEARCH, PALETTE[0]), "expected": (DECODER, PALETTE[1])}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """The pictures and curves of all claims, and what they cost."""
    costs = {
        "by size, eight images": ("synthesis_cost_by_side", "side", "pixels a side"),
        "by number, 32 pixels a side": ("synthesis_cost_by_images", "images", "images at once"),
    }
    of_units = {
        "32 units": ("dissection_cost_by_side", "side", "pixels a side"),
        "64 pixels a side": ("dissection_cost_by_units", "units", "units"),
    }
    return {
        "preferred": _preferred(tables),
        "judged": _judged(tables),
        "reconstructions": _reconstructions(tables),
        "depth": _depth(tables),
        "synthesis-cost": panels(costs, partial(_cost, tables), width=3.8, height=2.9),
        "stabilisation": _stabilisation(tables),
        "projections": _projections(tables),
        "rotation": _rotation(tables),
        "detectors": _detectors(tables),
        "units-cost": panels(of_units, partial(_cost, tables), width=4.0, height=3.0),
    }


def _cost(tables: Tables, ax: Axes, of: tuple[str, str, str]) -> None:
    growth(ax, tables[of[0]], x=of[1], by="method")
    ax.set(xlabel=of[2], ylabel="milliseconds")


def _preferred(tables: Tables) -> Figure:
    found = tables["preferred"]
    conditions, classes = found["condition"].unique(), [str(name) for name in found["class"].unique()][:SHOWN]
    table = found.set_index(["condition", "class"])["picture"]
    grid = [[from_text(str(table[condition, name])) for name in classes] for condition in conditions]
    return _mosaic(grid, [str(name) for name in conditions], classes)


def _judged(tables: Tables) -> Figure:
    table = tables.wide("judged", columns="condition")
    drawn, ax = figure(5.6, 0.3 * table.shape[1] + 1.1)
    for place, condition in enumerate(table):
        by_run = table[condition]
        estimate = mean_interval(by_run)
        ax.plot(estimate.interval, [place] * 2, color=PALETTE[0], alpha=0.6)
        ax.plot(by_run, [place] * len(by_run), "o", color=PALETTE[0], alpha=0.4)
        ax.plot(estimate.value, place, "D", color=PALETTE[0])
    natural = tables.rows("natural", condition="judge")["value"].mean()
    ax.axvline(natural, color=INK, linestyle="--", linewidth=0.9)
    ax.text(natural, -0.62, "photographs", ha="center", va="bottom", fontsize=8, color=INK)
    ax.set_yticks(range(table.shape[1]), [str(name) for name in table])
    ax.set_ylim(table.shape[1] - 0.5, -0.6)
    ax.set_xlabel("probability of the class by the second network\n(diamonds: means with 95 % intervals; dots: runs)")
    ax.set_xlim(0, None)
    return drawn


def _reconstructions(tables: Tables) -> Figure:
    found = tables["rebuilt"]
    images = sorted(found["image"].unique())[:SHOWN]
    layers = [str(name) for name in found["layer"].unique() if name != ORIGINAL]
    lines = [(ORIGINAL, ORIGINAL), *((way, layer) for layer in layers for way in (SEARCH, DECODER))]
    table = found.set_index(["way", "layer", "image"])["picture"]
    grid = [[from_text(str(table[way, layer, image])) for image in images] for way, layer in lines]
    names = [layer if layer == ORIGINAL else f"{layer.rpartition('.')[2]}, {way}" for way, layer in lines]
    return _mosaic(grid, names)


def _depth(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 2.9)
    labels: list[str] = []
    for measure, (name, color) in WAYS.items():
        for ax, column in ((axes[0, 0], "value"), (axes[0, 1], "feature_error")):
            table = by_depth(tables, measure, column)
            labels = [str(layer).rpartition(".")[2] for layer in table]
            mean_with_band(ax, range(len(labels)), table, label=name, color=color, marker="o")
    for ax, what in zip(axes[0], ("image", "feature"), strict=True):
        ax.set_xticks(range(len(labels)), labels)
        ax.set(xlabel="layer", ylabel=f"relative {what} error", yscale="log", title=f"Error of the {what}s")
        ax.yaxis.set_minor_locator(NullLocator())
    axes[0, 0].legend()
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


def _stabilisation(tables: Tables) -> Figure:
    drawn, [[left, right]] = figure_grid(1, 2, 8.4, 3.0)
    found = tables["alike"].sort_values("depth", kind="stable")
    ends = tables["settled"]
    for layer, color in zip(found["layer"].unique(), PALETTE, strict=False):
        table = found[found["layer"] == layer].pivot(index="seed", columns="epoch", values="value")
        mean_with_band(left, list(table.columns), table, label=str(layer), color=color)
        own = ends[(ends["layer"] == layer) & ends["value"].notna()].groupby("seed")["value"]
        share = [[float((each <= epoch).mean()) for epoch in table.columns] for _, each in own]
        if share:
            mean_with_band(right, list(table.columns), share, label=str(layer), color=color, drawstyle="steps-post")
    left.set(xlabel="epoch", ylabel="cosine with the last projection", ylim=(-0.03, 1.03))
    right.set(xlabel="epoch", ylabel="share of filters settled", ylim=(-0.03, 1.03))
    left.legend(loc="lower right")
    return drawn


def _projections(tables: Tables) -> Figure:
    if "projected" not in tables:
        return figure()[0]
    found = tables["projected"].sort_values(["depth", "unit"], kind="stable")
    lines: list[Any]
    lines, epochs = list(found.groupby(["depth", "layer", "unit"]).groups), sorted(found["epoch"].unique())
    table = found.set_index(["layer", "unit", "epoch"])["picture"]
    drawn, axes = figure_grid(len(lines), len(epochs), 0.85 * len(epochs) + 1.2, 0.8 * len(lines) + 0.3)
    for line, (_, layer, unit) in zip(axes, lines, strict=True):
        for ax, epoch in zip(line, epochs, strict=True):
            image = from_text(str(table[layer, unit, epoch]))
            ax.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            ax.set(xticks=[], yticks=[])
            ax.grid(visible=False)
            for side in ax.spines.values():
                side.set_visible(False)
        line[0].set_ylabel(
            f"{str(layer).removeprefix('features.')}\nfilter {int(unit)}", rotation=0, ha="right", va="center"
        )
    for ax, epoch in zip(axes[0], epochs, strict=True):
        ax.set_title(f"epoch {epoch:g}", fontsize=8, loc="center", fontweight="normal")
    return drawn


def _rotation(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.0)
    found = tables["unique"]
    for ax, column, label in zip(
        axes[0], ("value", "match"), ("unique detectors", "mean best match (IoU)"), strict=True
    ):
        for weights, color in ((TRAINED, PALETTE[0]), (RANDOM, PALETTE[1])):
            table = found[found["weights"] == weights]
            shares = sorted(table["share"].unique())
            by_run = table.groupby(["seed", "share"])[column].mean().unstack("share")
            estimates = [mean_interval(by_run[share]) for share in shares]
            ax.plot(shares, [each.value for each in estimates], "-o", color=color, label=weights)
            low, high = np.array([each.interval for each in estimates]).reshape(-1, 2).T
            ax.fill_between(shares, low, high, color=color, alpha=0.2, linewidth=0)
            ax.plot(table["share"], table[column], "o", color=color, alpha=0.25, markersize=3)
        ax.set(xlabel="rotation t, share of the way to a random basis", ylabel=label)
        ax.set_ylim(bottom=0)
    axes[0, 0].yaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].legend(loc="center left", bbox_to_anchor=(0.02, 0.42))
    return drawn


def _detectors(tables: Tables) -> Figure:
    found = tables.rows("detected", weights=TRAINED)
    seeds = found["seed"].nunique()
    categories, concepts = list(found["category"].unique()), list(found["concept"].unique())
    drawn, ax = figure(7.6, 2.7)
    for color, category in zip(PALETTE, categories, strict=False):
        counts = found[found["category"] == category].groupby("concept", sort=False)["value"].sum() / max(1, seeds)
        ax.bar([concepts.index(name) for name in counts.index], counts, color=color, label=category)
    ax.set_xticks(range(len(concepts)), concepts, rotation=50, ha="right", rotation_mode="anchor")
    ax.tick_params(axis="x", length=0)
    ax.grid(visible=False, axis="x")
    ax.set_ylabel("units that detect it,\nmean over runs")
    ax.legend(loc="upper right")
    return drawn
