"""Agreement and layers as tables, distances as a scatter of networks, and examples."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import Tables
from netopsy.lab.pictures import gallery_of
from netopsy.studies.robustness.safety_verification.judge import pairs_of
from netopsy.studies.robustness.safety_verification.plan import NAMES, OPEN, SAFE, SEARCH, SIGN, UNSAFE, Config


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Agreement and layers as tables, distances as a scatter of networks, and examples."""
    return {
        "agreement": _agreement_figure(tables),
        "layers": _layers_figure(tables),
        "distances": _distances_figure(tables),
        "examples": gallery_of(
            tables["example"], ["network", "method"], lambda network, method: _called(network, method)
        ),
    }


def _called(network: str, method: str) -> str:
    return f"{NAMES[network]},\n{method}"


def _agreement_figure(tables: Tables) -> Figure:
    table = tables["agreement"]
    drawn, axes = figure_grid(1, 2, 7.6, 2.9)
    pairs = (("one by one", (SAFE, UNSAFE)), ("region", (SAFE, UNSAFE, OPEN)))
    for ax, (other, answers) in zip(axes[0], pairs, strict=True):
        counts = pd.crosstab(table["search"], table[other]).reindex(index=[SAFE, UNSAFE], columns=answers, fill_value=0)
        _counts(ax, counts, "grid, by the search", {"one by one": "grid, one by one", "region": "whole region"}[other])
    return drawn


def _layers_figure(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.6, 2.9)
    for ax, level in zip(axes[0], ("region", "grid"), strict=True):
        pairs = pairs_of(tables, level)
        counts = pd.crosstab(pairs["lower"], pairs["upper"]).reindex(
            index=[SAFE, UNSAFE], columns=[SAFE, UNSAFE], fill_value=0
        )
        _counts(ax, counts, "at a layer", "at the layer above")
        ax.set_title({"region": "whole regions", "grid": "grids"}[level])
    return drawn


def _counts(ax: Axes, counts: pd.DataFrame, down: str, across: str) -> None:
    """A table of how often two answers came together."""
    values = counts.to_numpy()
    ax.imshow(np.log1p(values), cmap="Blues", alpha=0.6, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ax.text(column, row, f"{value:,}", ha="center", va="center", fontsize=11, color=INK, weight="bold")
    ax.set_xticks(range(values.shape[1]), list(counts.columns))
    ax.set_yticks(range(values.shape[0]), list(counts.index))
    ax.set(xlabel=across, ylabel=down)
    ax.grid(visible=False)


def _distances_figure(tables: Tables) -> Figure:
    drawn, ax = figure(5.0, 3.6)
    markers = dict(zip(NAMES, "osD", strict=True))
    for (method, network), own in tables["distance"].groupby(["method", "network"], sort=False):
        color = PALETTE[(SEARCH, SIGN).index(method)]
        ax.plot(own["L1"], own["L2"], markers[network], color=color, label=f"{method}, {NAMES[network]}")
    ax.set(xlabel="L1 distance, mean over successes", ylabel="L2 distance", xlim=(0, None), ylim=(0, None))
    ax.legend(loc="lower right")
    return drawn
