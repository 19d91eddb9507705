"""The figures of the pattern-net study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.interpretability.gallery import gallery
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import from_text, growth
from netopsy.studies.interpretability.pattern_net.judge import time_ratios
from netopsy.studies.interpretability.pattern_net.plan import (
    AT,
    EARLIER,
    ENERGY,
    FIRINGS,
    HEAD,
    MEANS,
    PATTERNS,
    RANDOM,
    TRIPLES,
    Config,
)


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Support against background, the best patterns' images, accuracies, recalls, the speed, and the cost."""
    return {
        "telling": _telling(tables),
        "examples": _examples(tables),
        "accuracy": _dots(tables, "answer", (PATTERNS, TRIPLES, MEANS, FIRINGS, HEAD), "accuracy on unseen images"),
        "recall": _dots(tables, "box", (PATTERNS, ENERGY, RANDOM), "recall of the object's box among ten, overlap 0.5"),
        "speed": _speed(tables),
        "cost": _cost(tables),
    }


def _telling(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.2, 3.3)
    table = _at(tables, "pattern")
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
    best = _at(tables, "class")
    best = best[best["found"] > 0]
    for name, color in (("filter", PALETTE[5]), ("equal filter", PALETTE[1]), ("pattern", PALETTE[0])):
        if not len(best):
            break
        background = best[f"{name} background"] + 1e-3
        axes[0, 1].plot(best[f"{name} support"], background, "o", color=color, alpha=0.7, label=f"best {name}")
    axes[0, 1].set(yscale="log", xlabel="support in the class, unseen images", title="the best of each class and run")
    axes[0, 1].set_ylabel("share of other images + 0.001")
    if len(best):
        axes[0, 1].legend(loc="best")
    return drawn


def _examples(tables: Tables) -> Figure:
    table = _at(tables, "example")
    if table.empty:
        return figure()[0]
    table = table[table["rank"] < 4].sort_values(["class", "rank"])  # as many as a page has room for
    pictures = torch.stack([from_text(text) for text in table["picture"]])[:, None]
    boxes = torch.tensor([[int(part) for part in text.split()] for text in table["box"]])
    columns = int(table["rank"].max()) + 1
    names = [f"class {int(cls)}" for cls in table["class"].unique()]
    titles = ["" if right else "other class" for right in table["right"]]
    return gallery(pictures, titles, columns=columns, row_titles=names, boxes=boxes)


def _dots(tables: Tables, measure: str, names: tuple[str, ...], label: str) -> Figure:
    drawn, ax = figure(5.6, 0.4 * len(names) + 1.0)
    layers = [layer for layer in (AT, EARLIER) if layer in set(tables[measure]["layer"])] if measure in tables else []
    for number, layer in enumerate(layers):
        table = tables.wide(measure, layer=layer)
        aside = 0.14 * (2 * number - len(layers) + 1)
        for place, name in enumerate(names):
            if name in table:
                found, color = mean_interval(table[name]), PALETTE[number]
                ax.plot(found.interval, [place + aside] * 2, color=color, alpha=0.6)
                ax.plot(table[name], [place + aside] * len(table), "o", color=color, alpha=0.4)
                label_once = f"{layer} layer" if not place else None
                ax.plot(found.value, place + aside, "D", color=color, label=label_once)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel=f"{label}; a dot a run", xlim=(None, min(ax.get_xlim()[1], 1.02)))
    if len(layers) > 1:
        ax.legend(loc="best")
    return drawn


def _speed(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 3.0)
    table = tables["speed"][["side", "round", "one pass", "patches"]]
    table = table.melt(["side", "round"], var_name="way")
    growth(axes[0, 0], table, x="side", by="way")
    axes[0, 0].set(xlabel="pixels a side", ylabel="milliseconds")
    for size, ratios in time_ratios(tables).items():
        axes[0, 1].plot([size] * len(ratios), ratios, "o", color=PALETTE[0], alpha=0.5)
        axes[0, 1].plot(size, np.mean(ratios), "D", color=PALETTE[0])
    axes[0, 1].axhline(10, color=INK, linewidth=0.8, linestyle=":")
    axes[0, 1].set(xscale="log", ylim=(0, None), xlabel="pixels a side", ylabel="patches / one pass")
    axes[0, 1].set_xticks(list(time_ratios(tables)), [str(size) for size in time_ratios(tables)], minor=False)
    axes[0, 1].minorticks_off()
    return drawn


def _cost(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 3.0)
    growth(axes[0, 0], tables["cost_by_side"], x="side")
    axes[0, 0].set(xlabel="pixels a side", ylabel="milliseconds to find patterns, 64 images")
    growth(axes[0, 1], tables["cost_by_units"], x="units")
    axes[0, 1].set(xlabel="filters", ylabel="milliseconds to mine 1000 images' firings")
    return drawn


def _at(tables: Tables, measure: str) -> pd.DataFrame:
    return tables.rows(measure, layer=AT) if measure in tables else pd.DataFrame()
