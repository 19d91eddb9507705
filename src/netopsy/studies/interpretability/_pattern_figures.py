"""The figures of the pattern-net study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from netopsy.interpretability.gallery import gallery
from netopsy.lab import mean_interval
from netopsy.lab.costs import cost_lines
from netopsy.lab.figures import INK, PALETTE, figure, figure_grid
from netopsy.studies.interpretability._pattern_measures import (
    ENERGY,
    FIRINGS,
    HEAD,
    MEANS,
    PATTERNS,
    RANDOM,
    TRIPLES,
)
from netopsy.studies.interpretability._pattern_verdicts import of, time_ratios
from netopsy.studies.interpretability._pictures import from_text


def draw(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """Support against background, the best patterns' images, accuracies, recalls, the speed, and the cost."""
    return {
        "telling": _telling(rows),
        "examples": _examples(rows),
        "accuracy": _dots(rows, "answer", (PATTERNS, TRIPLES, MEANS, FIRINGS, HEAD), "accuracy on unseen images"),
        "recall": _dots(rows, "box", (PATTERNS, ENERGY, RANDOM), "recall of the object's box among ten, overlap 0.5"),
        "speed": _speed(rows),
        "cost": _cost(rows),
    }


def _telling(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.2, 3.3)
    table = of(rows, "pattern").dropna(axis=1, how="all")
    for number, size in enumerate(sorted(table["filters"].unique()) if len(table) else ()):
        own = table[table["filters"] == size]
        axes[0, 0].plot(
            own["support"], own["lift"], "o", color=PALETTE[number], alpha=0.6, label=f"{int(size)} filters"
        )
    axes[0, 0].set(
        yscale="log", xlabel="support in the class, training", ylabel="lift, training", title="all patterns kept"
    )
    if len(table):
        axes[0, 0].legend(loc="lower left")
    best = of(rows, "class")
    best = best[best["found"] > 0]
    for name, color in (("filter", PALETTE[5]), ("pattern", PALETTE[0])):
        if not len(best):
            break
        background = best[f"{name} background"] + 1e-3
        axes[0, 1].plot(best[f"{name} support"], background, "o", color=color, alpha=0.7, label=f"best {name}")
    axes[0, 1].set(yscale="log", xlabel="support in the class, unseen images", title="the best of each class and run")
    axes[0, 1].set_ylabel("share of other images + 0.001")
    if len(best):
        axes[0, 1].legend(loc="best")
    return drawn


def _examples(rows: pd.DataFrame) -> Figure:
    table = of(rows, "example")
    if table.empty:
        return figure()[0]
    table = table.sort_values(["class", "rank"])
    pictures = torch.stack([from_text(text) for text in table["picture"]])[:, None]
    boxes = torch.tensor([[int(part) for part in text.split()] for text in table["box"]])
    columns = int(table["rank"].max()) + 1
    names = [f"class {int(cls)}" for cls in table["class"].unique()]
    titles = ["" if right else "other class" for right in table["right"]]
    return gallery(pictures, titles, columns=columns, row_titles=names, boxes=boxes)


def _dots(rows: pd.DataFrame, measure: str, names: tuple[str, ...], label: str) -> Figure:
    drawn, ax = figure(5.6, 0.4 * len(names) + 1.0)
    layers = [layer for layer in ("last", "earlier") if len(of(rows, measure, layer))]
    for number, layer in enumerate(layers):
        table = of(rows, measure, layer)
        aside = 0.14 * (2 * number - len(layers) + 1)
        for place, name in enumerate(names):
            if name not in table or table[name].isna().all():
                continue
            by_run = table.groupby("seed")[name].mean()
            found = mean_interval(by_run)
            ax.plot(found.interval, [place + aside] * 2, color=PALETTE[number], alpha=0.6)
            ax.plot(by_run, [place + aside] * len(by_run), "o", color=PALETTE[number], alpha=0.4)
            ax.plot(
                found.value, place + aside, "D", color=PALETTE[number], label=f"{layer} layer" if not place else None
            )
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel=f"{label}; a dot a run", xlim=(None, min(ax.get_xlim()[1], 1.02)))
    if len(layers) > 1:
        ax.legend(loc="best")
    return drawn


def _speed(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 3.0)
    table = rows.loc[rows["measure"] == "speed", ["side", "round", "one pass", "patches"]]
    table = table.melt(["side", "round"], var_name="way")
    cost_lines(axes[0, 0], table, x="side", by="way")
    axes[0, 0].set(xlabel="pixels a side", ylabel="milliseconds")
    for size, ratios in time_ratios(rows).items():
        axes[0, 1].plot([size] * len(ratios), ratios, "o", color=PALETTE[0], alpha=0.5)
        axes[0, 1].plot(size, np.mean(ratios), "D", color=PALETTE[0])
    axes[0, 1].axhline(10, color=INK, linewidth=0.8, linestyle=":")
    axes[0, 1].set(xscale="log", ylim=(0, None), xlabel="pixels a side", ylabel="patches / one pass")
    axes[0, 1].set_xticks(list(time_ratios(rows)), [str(size) for size in time_ratios(rows)], minor=False)
    axes[0, 1].minorticks_off()
    return drawn


def _cost(rows: pd.DataFrame) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 3.0)
    for ax, measure, x, label, what in (
        (axes[0, 0], "cost by side", "side", "pixels a side", "milliseconds to find patterns, 64 images"),
        (axes[0, 1], "cost by units", "units", "filters", "milliseconds to mine 1000 images' firings"),
    ):
        cost_lines(ax, rows[rows["measure"] == measure], x=x)
        ax.set(xlabel=label, ylabel=what)
    return drawn
