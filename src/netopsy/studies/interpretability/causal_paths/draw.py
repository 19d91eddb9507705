"""The figures of the causal-paths study."""

from __future__ import annotations

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid, style
from netopsy.lab import Tables, mean_interval
from netopsy.lab.plots import growth, mean_with_band, panels
from netopsy.studies.interpretability.causal_paths.judge import UNIT, by_run, log_ratio
from netopsy.studies.interpretability.causal_paths.plan import BASELINES, CAUSAL, LARGEST, RANGE, SHUFFLED, Config

BARS = {
    "whole": ("whole network", INK),
    "restricted": ("graph's edges alone", PALETTE[0]),
    "restricted random": ("random edges alone", PALETTE[5]),
    "ablated": ("causal edges cut", PALETTE[1]),
    "ablated random": ("random edges cut", PALETTE[5]),
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Class probabilities with and without the graph, its size, the maps' steepness, the graphs' likeness, the cost."""
    return {
        "probability": _probability(tables),
        "size": _size(tables),
        "steepness": _steepness(tables),
        "likeness": _likeness(tables),
        "cost": panels(
            {"": ("side", "pixels a side"), " ": ("units", "units of the dense layer")}, partial(_cost, tables)
        ),
    }


def _probability(tables: Tables) -> Figure:
    drawn, ax = figure(6.0, 3.0)
    table = tables["class"]
    for place, (name, (label, color)) in enumerate(BARS.items()):
        found = mean_interval(table.groupby(UNIT)[name].mean())
        ax.barh(place, found.value, color=color, alpha=0.75, height=0.62)
        ax.plot(found.interval, [place] * 2, color=INK)
        ax.plot(table[name], place + np.linspace(-0.2, 0.2, len(table)), ".", color=INK, alpha=0.6, markersize=3)
        ax.text(-0.02, place, label, ha="right", va="center", color=INK, fontsize=9)
    ax.set(xlim=(0, 1.02), yticks=[], xlabel="probability of the class on unseen images of it; a dot a class and run")
    ax.invert_yaxis()
    return drawn


def _size(tables: Tables) -> Figure:
    drawn, ax = figure(5.4, 2.8)
    table = tables["layer"].drop_duplicates(["network", "seed", "class", "layer"])
    table = table[table["rule"] != "input"]
    layers = list(table["layer"].unique())
    for place, layer in enumerate(layers):
        own = table[table["layer"] == layer]
        share = own["causes"] / own["nodes"]
        ax.barh(place, share.mean(), color=PALETTE[0], alpha=0.75, height=0.62)
        ax.plot(share, place + np.linspace(-0.2, 0.2, len(share)), ".", color=INK, alpha=0.6, markersize=3)
    names = [f"{layer}\n{int(table[table['layer'] == layer]['nodes'].iloc[0])} inputs" for layer in layers]
    ax.set_yticks(range(len(layers)), names)
    ax.set(xlim=(0, 1.02), xlabel="share of the layer's input nodes that are causes; a dot a class and run")
    return drawn


def _steepness(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.4, 3.0, width_ratios=[1.4, 1.0])
    table = tables.rows("lipschitz", scale=LARGEST)
    names = [CAUSAL, *BASELINES, SHUFFLED]
    values = [np.log10(table[name]) for name in names]
    with style():
        boxes = axes[0, 0].boxplot(
            values, orientation="horizontal", widths=0.6, patch_artist=True, flierprops={"markersize": 2}
        )
    for number, box in enumerate(boxes["boxes"]):
        box.set(facecolor=PALETTE[0] if number == 0 else PALETTE[5], alpha=0.7, edgecolor=INK)
    for part in ("medians", "whiskers", "caps"):
        for line in boxes[part]:
            line.set(color=INK)
    for line in boxes["fliers"]:
        line.set(markeredgecolor=INK, alpha=0.5)
    axes[0, 0].set_yticks(range(1, len(names) + 1), names)
    axes[0, 0].invert_yaxis()
    axes[0, 0].set(xlabel="log10 of the local Lipschitz estimate, over images")
    for scale, color, aside in ((LARGEST, PALETTE[0], -0.12), (RANGE, PALETTE[1], 0.12)):
        for place, ratio in enumerate((log_ratio(tables, name, scale) for name in names[1:]), start=2):
            label = f"maps scaled: {scale}" if place == 2 else None
            axes[0, 1].plot(ratio.interval, [place + aside] * 2, color=color)
            axes[0, 1].plot(ratio.value, place + aside, "D", color=color, label=label)
    axes[0, 1].axvline(0, color=INK, linewidth=0.8)
    axes[0, 1].set_yticks(range(1, len(names) + 1), [""] * len(names))
    axes[0, 1].set(ylim=axes[0, 0].get_ylim(), xlabel="median log ratio, causal maps / other")
    axes[0, 1].legend(loc="upper center")
    return drawn


def _likeness(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 7.4, 3.0, sharey=True, width_ratios=[2.2, 1.0])
    soft = tables["beta"].groupby([*UNIT, "beta"])["value"].mean().unstack("beta")
    mean_with_band(axes[0, 0], list(soft.columns), soft, color=PALETTE[0], marker="o")
    axes[0, 0].set(
        xlabel="value that the edges' weights are set to", ylabel="Jaccard similarity of the causes", ylim=(0, 1.03)
    )
    axes[0, 0].set_title("with the graph found by setting them to 0")
    halves = by_run(tables, "halves").to_numpy(dtype=float)
    axes[0, 1].plot(np.linspace(-0.25, 0.25, len(halves)), halves, "o", color=PALETTE[1], alpha=0.6)
    axes[0, 1].plot([-0.35, 0.35], [np.median(halves)] * 2, color=INK)
    axes[0, 1].axhline(0.7, color=INK, linewidth=0.8, linestyle=":")
    axes[0, 1].set(xlim=(-0.6, 0.6), xticks=[], xlabel="a dot a run")
    axes[0, 1].set_title("of two halves")
    return drawn


def _cost(tables: Tables, ax: Axes, of: tuple[str, str]) -> None:
    growth(ax, tables[f"cost_by_{of[0]}"], x=of[0])
    ax.set(xlabel=of[1], ylabel="milliseconds for one class, 16 images")
