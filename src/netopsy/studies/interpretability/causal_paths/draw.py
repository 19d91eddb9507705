"""The figures of the causal-paths study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, figure, figure_grid
from netopsy.interpretability.causal_paths import CausalGraph, LayerCauses
from netopsy.lab import Tables, bootstrap_median
from netopsy.lab.pictures import from_text, overlays
from netopsy.lab.plots import bars, dots, growths, intervals, lines, panels
from netopsy.studies.interpretability.causal_paths.judge import ALIKE, by_run, log_ratios
from netopsy.studies.interpretability.causal_paths.plan import BASELINES, CAUSAL, LARGEST, RUN, SCALES, SHUFFLED, Config

KEPT = {
    "whole": "whole network",
    "restricted": "graph's edges alone",
    "restricted random": "random edges alone",
    "ablated": "causal edges cut",
    "ablated random": "random edges cut",
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """A graph and maps of its units; probabilities with and without it, sizes, the maps' steepness, likeness, cost."""
    sizes = {"pixels a side": "side", "units of the dense layer": "units"}
    costs = {label: (tables.rows("cost", by=by), "size") for label, by in sizes.items()}
    drawn = {
        "probability": _probability(tables["class"]),
        "size": _size(tables.rows("layer")),
        "steepness": _steepness(tables),
        "likeness": _likeness(tables),
        "cost": growths(costs, "milliseconds for one class, 16 images"),
    }
    if "cause" in tables:
        causes, maps = (tables.rows(name, network=config.settings[0].network) for name in ("cause", "map"))
        pictures = {name: from_text(text) for name, text in zip(maps["method"], maps["picture"], strict=True)}
        words = f"class {causes['class'].iloc[0]:.0f}\n{maps['layer'].iloc[0]}"
        drawn["graph"] = panels({"": graph_of(causes)}, lambda ax, graph: graph.plot(ax), width=6.0, height=5.2)
        drawn["maps"] = overlays([(words, pictures)], side=1.5)
    return drawn


def graph_of(causes: pd.DataFrame) -> CausalGraph:
    """The graph whose causes are in the rows, from the class down; what a drawing does not need is empty."""
    target, none, layers = int(causes["class"].iloc[0]), torch.zeros(0), list[LayerCauses]()
    for name, own in causes.groupby("layer", sort=False):
        units, effect = (torch.tensor(own[column].to_numpy()) for column in ("unit", "effect"))
        above = layers[-1].causes if layers else torch.tensor([target])
        rest: Any = (int(own["nodes"].iloc[0]), units.long(), effect, none, none, none, own["rule"].iloc[0])
        layers.append(LayerCauses(str(name), units.long(), above, *rest))
    return CausalGraph(target, tuple(layers), 0, 0.0, 0.0)


def _probability(table: pd.DataFrame) -> Figure:
    drawn, ax = figure(6.0, 3.0)
    _bars(ax, table.rename(columns=KEPT).melt([*RUN, "class"], list(KEPT.values()), "edges"), "edges")
    ax.set_xlabel("probability of the class on unseen images of it; a dot a class and run")
    return drawn


def _size(table: pd.DataFrame) -> Figure:
    drawn, ax = figure(5.4, 2.8)
    table = table[table["rule"] != "input"]
    names = table["layer"] + "\n" + table["nodes"].astype(int).astype(str) + " inputs"
    _bars(ax, table.assign(layer=names, value=table["causes"] / table["nodes"]), "layer")
    ax.set_xlabel("share of the layer's input nodes that are causes; a dot a class and run")
    return drawn


def _bars(ax: Axes, table: pd.DataFrame, by: str) -> None:
    bars(ax, table, by=by, over=RUN, horizontal=True)
    for place, (_, own) in enumerate(table.groupby(by, sort=False)):
        ax.plot(own["value"], place + np.linspace(-0.2, 0.2, len(own)), ".", color=INK, alpha=0.6, markersize=3)
    ax.set_xlim(0, 1.02)


def _steepness(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.4, 3.0, sharey=True)
    names = [CAUSAL, *BASELINES, SHUFFLED]
    long = tables.rows("lipschitz", scale=LARGEST).melt(RUN, names, "maps")
    dots(axes[0, 0], long.assign(value=np.log10(long["value"])), by="maps", over=RUN, names=names)
    axes[0, 0].set_xlabel("log10 of the local Lipschitz estimate")
    ratios = {(f"scaled: {scale}", name): log_ratios(tables, name, scale) for scale in SCALES for name in names[1:]}
    ratio = pd.concat(ratios, names=["scale", "maps"]).rename("value").reset_index()
    dots(axes[0, 1], ratio, by="maps", beside="scale", over=RUN, names=names)
    axes[0, 1].axvline(0, color=INK, linewidth=0.8)
    axes[0, 1].set_xlabel("median log ratio, causal maps / other")
    axes[0, 1].legend(loc="upper center")
    return drawn


def _likeness(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.4, 3.0, width_ratios=[1.4, 1.0])
    lines(axes[0, 0], tables["beta"], x="beta", over=RUN)
    axes[0, 0].set(xlabel="value that the edges' weights are set to", ylabel="Jaccard similarity of the causes")
    axes[0, 0].set(title="with the graph found by setting them to 0", ylim=(0, 1.03))
    halves = by_run(tables, "halves")
    intervals(axes[0, 1], {"": bootstrap_median(halves)}, samples={"": halves}, mark=ALIKE)
    axes[0, 1].set(title="of the graphs of two halves", xlabel="Jaccard similarity, a dot a run", xlim=(0, 1.03))
    return drawn
