"""The figures of the pattern-net study."""

from __future__ import annotations

import pandas as pd
import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.interpretability.gallery import gallery
from netopsy.lab import Tables
from netopsy.lab.pictures import from_text
from netopsy.lab.plots import dots, growth, growths
from netopsy.studies.interpretability.pattern_net.judge import FASTER, time_ratios
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
    table = tables["speed"].melt(["side", "round"], ["one pass", "patches"], "method")
    costs = {"pixels a side": (tables["cost_by_side"], "side"), "filters": (tables["cost_by_units"], "units")}
    titles = ("to find patterns, 64 images", "to mine 1000 images' firings")
    return {
        "telling": _telling(tables),
        "examples": _examples(tables),
        "accuracy": _dots(tables, "answer", (PATTERNS, TRIPLES, MEANS, FIRINGS, HEAD), "accuracy on unseen images"),
        "recall": _dots(tables, "box", (PATTERNS, ENERGY, RANDOM), "recall of the object's box among ten, overlap 0.5"),
        "speed": _speed(time_ratios(tables), table),
        "cost": growths(costs, "milliseconds", titles=titles),
    }


def _telling(tables: Tables) -> Figure:
    drawn, ((kept, best),) = figure_grid(1, 2, 8.2, 3.3)
    every, classes = _at_last(tables, "pattern"), tables.rows("class", layer=AT)
    for size, own in every.groupby("filters") if len(every) else ():
        kept.plot(own["support"], own["lift"], "o", alpha=0.6, label=f"{size:.0f} filters")
    found = classes[classes["found"] > 0]
    for name, color in (
        (("filter", PALETTE[5]), ("equal filter", PALETTE[1]), ("pattern", PALETTE[0])) if len(found) else ()
    ):
        background = found[f"{name} background"] + 1e-3
        best.plot(found[f"{name} support"], background, "o", color=color, alpha=0.7, label=f"best {name}")
    kept.set(xlabel="support in the class, training", ylabel="lift, training", title="all patterns kept")
    best.set(xlabel="support in the class, unseen images", ylabel="share of other images + 0.001")
    best.set_title("the best of each class and run")
    for ax in (kept, best):
        ax.set_yscale("log")
        if ax.lines:
            ax.legend(loc="best")
    return drawn


def _examples(tables: Tables) -> Figure:
    table = _at_last(tables, "example")
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
    table = tables[measure]
    layers = [layer for layer in (AT, EARLIER) if layer in set(table["layer"])]
    dots(ax, table.assign(layer=table["layer"] + " layer"), by="method", beside="layer", names=names)
    ax.set_xlabel(f"{label}; a dot a run")
    if len(layers) > 1:
        ax.legend(loc="best")
    return drawn


def _speed(ratios: pd.DataFrame, times: pd.DataFrame) -> Figure:
    drawn, ((time, ratio),) = figure_grid(1, 2, 7.6, 3.0)
    growth(time, times, x="side", by="method")
    time.set(xlabel="pixels a side", ylabel="milliseconds")
    dots(ratio, ratios, by="side", over="round")
    ratio.axvline(FASTER, color=INK, linewidth=0.8, linestyle=":")
    ratio.set(xlabel="time of patches / of one pass, a dot a round", ylabel="pixels a side", xlim=(0, None))
    return drawn


def _at_last(tables: Tables, measure: str) -> pd.DataFrame:
    return tables.rows(measure, layer=AT) if measure in tables else pd.DataFrame()
