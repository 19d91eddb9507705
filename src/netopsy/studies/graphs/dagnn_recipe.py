"""See how fast averaging over neighbours makes nodes alike, and whether depth survives it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor, nn

from netopsy.core.drawing import PALETTE, style
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive, generator
from netopsy.data.graphs import Graph
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.dagnn import DAGNN, oversmoothing_curve
from netopsy.graphs.networks import GCN
from netopsy.graphs.node_classification import NodeRecipe, random_split, train_node_classifier
from netopsy.graphs.propagation import Operator, propagator
from netopsy.lab.graph_inputs import check_graph, weights_note
from netopsy.lab.plots import lines, panels
from netopsy.lab.recipes import GRAPH, Option, PaperRecipe

NODES, EDGES = 3_000, 200_000
"""Every node's features are compared with those of all others at every hop."""
FEATURES, HIDDEN = 16, 64
SPLITS, EPOCHS, DROPOUT = 5, 60, 0.5
DECAY = {"GCN": 5e-4, "DAGNN": 5e-3}
"""Of the weights, as the two papers have it for small citation networks."""


def run(graph: Graph, *, hops: int, labelled: int, seed: int) -> Finding:
    """How alike random features become hop by hop; where labels are known, what two networks make of depth."""
    check_graph(graph, nodes=NODES, edges=EDGES)
    edges = edge_index_of(as_adjacency(graph))
    x = torch.randn(len(graph), FEATURES, dtype=torch.float64, generator=generator(seed))
    curve = oversmoothing_curve(edges, x, range(hops + 1)).graph.numpy()
    alike = curve <= curve[0] / 2
    left = curve[-1] / curve[0]
    sentence = (
        f"After {int(alike.argmax())} hops of averaging over neighbours the nodes' features are half as far apart "
        f"as before"
        if alike.any()
        else "Averaging over neighbours leaves the nodes' features more than half as far apart as before"
    )
    sentence += f"; after {hops} hops {100 * left:.1f} % of their distance is left."
    reading = (
        "Every node starts with random features; their distance is that of directions, a mean over all pairs of nodes. "
        "On a connected graph it goes to 0, and a network that averages as often cannot tell nodes apart; between "
        "parts that no path joins it stays." + weights_note(graph)
    )
    table = None
    means: dict[tuple[str, int], float] = {}
    if graph.labels is not None:
        table = pd.DataFrame(_trained(graph, edges, labelled, _depths(hops), seed))
        means = _means(table)
        deepest = max(_depths(hops))
        deep, plain = means["DAGNN", deepest], means["GCN", deepest]
        sentence = (
            f"Of nodes without a label DAGNN names {100 * deep:.0f} % rightly with {deepest} hops, a GCN of {deepest} "
            f"layers {100 * plain:.0f} %. {sentence}"
        )
        reading += (
            f" The networks see {labelled} labels of each class and tell nodes apart by their places alone; accuracy "
            f"is a mean over {SPLITS} choices of labels, with its 95 % interval. Averaging helps where edges join "
            "nodes of one class, and mixes the classes where they do not."
        )
    return Finding(
        sentence=sentence,
        reading=reading,
        pictures=(
            Picture.of(
                _picture(curve, table),
                "The distance of the nodes' features by the number of hops"
                + ("" if table is None else ", and the accuracy of DAGNN and of a GCN by depth"),
            ),
        ),
        figures={
            "distance before": round(float(curve[0]), 4),
            f"distance after {hops} hops": float(f"{curve[-1]:.3g}"),
            **{f"accuracy of {name}, {depth}": round(value, 4) for (name, depth), value in means.items()},
        },
        table=(("hops", "distance of features"), *((str(at), f"{curve[at]:.3g}") for at in (0, *_depths(hops)))),
        code="import torch\n"
        "from netopsy.data.graph_files import read_graph\n"
        "from netopsy.graphs.adjacency import as_adjacency, edge_index_of\n"
        "from netopsy.graphs.dagnn import oversmoothing_curve\n\n"
        'graph = read_graph("graph.csv")\n'
        "edges = edge_index_of(as_adjacency(graph))\n"
        f"oversmoothing_curve(edges, torch.randn(len(graph), {FEATURES}), range({hops + 1})).graph",
    )


def _depths(hops: int) -> list[int]:
    """2, 4, 8 and so on, as far as ``hops``."""
    return [2**power for power in range(1, hops.bit_length())]


def _trained(graph: Graph, edges: Tensor, labelled: int, depths: Sequence[int], seed: int) -> Iterator[dict[str, Any]]:
    """Accuracy on the nodes that are neither labelled nor used to choose the epoch."""
    labels, nodes = torch.from_numpy(graph.labels), len(graph)
    x, operator = torch.eye(nodes), propagator(edges, nodes)
    for split in range(SPLITS):
        parts = random_split(labels, labelled, nodes // 6, seed=derive(seed, "split", split))
        masks = dict(zip(("train", "validation", "test"), parts, strict=True))
        options: Any = {"dropout": DROPOUT, "seed": derive(seed, "weights", split)}
        for depth in depths:
            sizes = (nodes, HIDDEN, int(labels.max()) + 1)
            models = {"GCN": GCN(*sizes, layers=depth, **options), "DAGNN": DAGNN(*sizes, K=depth, **options)}
            for name, model in models.items():
                value = _accuracy(model, x, operator, labels, masks, DECAY[name], derive(seed, "fit", split))
                yield {"network": name, "depth": depth, "seed": split, "value": value}


def _accuracy(
    model: nn.Module, x: Tensor, operator: Operator, labels: Tensor, masks: Any, decay: float, seed: int
) -> float:
    recipe = NodeRecipe(epochs=EPOCHS, weight_decay=decay)
    return train_node_classifier(model, x, operator, labels, **masks, recipe=recipe, seed=seed).test


def _means(table: pd.DataFrame) -> dict[tuple[str, int], float]:
    """Over the splits, by network and depth."""
    rows = table.groupby(["network", "depth"])["value"].mean().reset_index()
    return {(str(name), int(depth)): float(value) for name, depth, value in rows.itertuples(index=False)}


@style()
def _picture(curve: np.ndarray, table: pd.DataFrame | None) -> Figure:
    parts: dict[str, Any] = {"distance of random features": partial(_smoothing, curve)}
    if table is not None:
        parts["accuracy by depth"] = partial(_accuracies, table)
    return panels(parts, lambda ax, draw: draw(ax), width=4.2, height=3.2)


def _smoothing(curve: np.ndarray, ax: Axes) -> None:
    ax.plot(range(len(curve)), curve)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(ylim=(0, None), xlabel="hops", ylabel="mean distance of nodes' directions")


def _accuracies(table: pd.DataFrame, ax: Axes) -> None:
    lines(ax, table, x="depth", by="network", colors={"GCN": PALETTE[1], "DAGNN": PALETTE[0]})
    depths = sorted(table["depth"].unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.minorticks_off()
    ax.set(xlabel="layers of GCN, hops of DAGNN", ylabel="accuracy on other nodes", ylim=(0, 1.05))
    ax.legend(loc="lower left")


RECIPE = PaperRecipe(
    paper="dagnn",
    title="See how deep a network on your graph can be",
    shows="How fast averaging over neighbours makes nodes alike, and, where labels are known, how accurate DAGNN and a "
    "GCN are at each depth.",
    takes=(replace(GRAPH, samples=("karate", "davis", "les_miserables")),),
    run=run,
    options=(
        Option("hops", "Hops to follow, and the most that networks have", 16, low=2, high=32),
        Option("labelled", "Labels of each class, where labels are known", 3, low=1, high=8),
    ),
)
