"""The figures of the cnn-visualization study on units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from netopsy.core.drawing import PALETTE, figure, figure_grid
from netopsy.lab import mean_interval
from netopsy.lab.costs import cost_lines
from netopsy.lab.plots import mean_with_band
from netopsy.studies.interpretability._cnn_units import RANDOM, TRAINED
from netopsy.studies.interpretability._cnn_units_verdicts import settled
from netopsy.studies.interpretability._pictures import from_text


def draw_units(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """Projections settling, as curves and as pictures; unique detectors under rotation; what they are; the cost."""
    return {
        "stabilisation": _stabilisation(rows),
        "projections": _projections(rows),
        "rotation": _rotation(rows),
        "detectors": _detectors(rows),
        "units-cost": _cost(rows),
    }


def _stabilisation(rows: pd.DataFrame) -> Figure:
    drawn, [[left, right]] = figure_grid(1, 2, 8.4, 3.0)
    found = rows[rows["measure"] == "alike"].sort_values("depth", kind="stable")
    ends = settled(rows)
    for layer, color in zip(found["layer"].unique(), PALETTE, strict=False):
        table = found[found["layer"] == layer].pivot(index="seed", columns="epoch", values="value")
        mean_with_band(left, list(table.columns), table, label=str(layer), color=color)
        if layer in ends:
            runs = ends[layer].groupby("seed")["value"]
            share = [[float((own <= epoch).mean()) for epoch in table.columns] for _, own in runs]
            mean_with_band(right, list(table.columns), share, label=str(layer), color=color, drawstyle="steps-post")
    left.set(xlabel="epoch", ylabel="cosine with the last projection", ylim=(-0.03, 1.03))
    right.set(xlabel="epoch", ylabel="share of filters settled", ylim=(-0.03, 1.03))
    left.legend(loc="lower right")
    return drawn


def _projections(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "projected"].sort_values(["depth", "unit"], kind="stable")
    lines: list[Any]
    lines, epochs = list(found.groupby(["depth", "layer", "unit"]).groups), sorted(found["epoch"].unique())
    if not lines:
        return figure()[0]
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


def _rotation(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.0)
    found = rows[rows["measure"] == "unique"]
    for ax, column, label in zip(
        axes[0], ("value", "match"), ("unique detectors", "mean best match (IoU)"), strict=True
    ):
        for weights, color in ((TRAINED, PALETTE[0]), (RANDOM, PALETTE[1])):
            table = found[found["weights"] == weights]
            shares = sorted(table["share"].unique())
            estimates = [mean_interval(table[table["share"] == share][column]) for share in shares]
            ax.plot(shares, [each.value for each in estimates], "-o", color=color, label=weights)
            low, high = np.array([each.interval for each in estimates]).reshape(-1, 2).T
            ax.fill_between(shares, low, high, color=color, alpha=0.2, linewidth=0)
            ax.plot(table["share"], table[column], "o", color=color, alpha=0.25, markersize=3)
        ax.set(xlabel="rotation t, share of the way to a random basis", ylabel=label)
        ax.set_ylim(bottom=0)
    axes[0, 0].yaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].legend(loc="center left", bbox_to_anchor=(0.02, 0.42))
    return drawn


def _detectors(rows: pd.DataFrame) -> Figure:
    found = rows[(rows["measure"] == "detected") & (rows["weights"] == TRAINED)]
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


def _cost(rows: pd.DataFrame) -> Figure:
    found = rows[rows["measure"] == "unit cost"]
    drawn, axes = figure_grid(1, 2, 8.0, 3.0, sharey=True)
    labels = {"side": "image side, pixels (32 units)", "units": "units (64 x 64 pixels)"}
    for ax, (by, label) in zip(axes[0], labels.items(), strict=True):
        cost_lines(ax, found[found["by"] == by], x=by, by="way")
        ax.set_xlabel(label)
    axes[0, 0].set_ylabel("milliseconds")
    return drawn
