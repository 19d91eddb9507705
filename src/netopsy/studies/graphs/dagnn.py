"""Does propagation stay useful when it is deep, and does the gate matter? Liu et al. 2020 re-tested."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.core.seeds import derive, generator
from netopsy.data.graphs import graph as real_network
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.dagnn import DAGNN, gcn_norm, oversmoothing_curve, propagation_limit
from netopsy.graphs.dagnn.model import Gate
from netopsy.graphs.dagnn.published import RECIPES
from netopsy.graphs.networks import APPNP, GCN
from netopsy.graphs.node_classification import NodeRecipe, NodeResult, train_node_classifier
from netopsy.graphs.propagation import propagator
from netopsy.lab import Cell, Part, Rows, Study, Tables, bootstrap_mean, mean_interval, paired_difference
from netopsy.lab.costs import growth as cost_growth
from netopsy.lab.costs import milliseconds_in_turns
from netopsy.lab.judging import above, between, exact, gain
from netopsy.lab.plots import bars, growth, lines, panels
from netopsy.lab.subjects.nodes import DIGITS, NodeTask, node_task

GCN_NAME, DAGNN_NAME, APPNP_NAME, RESIDUAL = "GCN", "DAGNN", "APPNP", "GCN, residual"
LAST, MEAN, SUM = "last hop", "mean of hops", "sum of hops"
ABLATIONS: Mapping[str, Gate] = {LAST: "last", MEAN: "mean", SUM: "sum"}


@dataclass(frozen=True)
class Training:
    """How the networks of one graph are trained, and how deep they are."""

    epochs: int = 150
    patience: int | None = None
    gcn_depths: tuple[int, ...] = (2, 6, 12, 24)
    residual_depths: tuple[int, ...] = (12,)
    dagnn_depths: tuple[int, ...] = (2, 6, 12, 24, 64)
    gcn_decay: float = 5e-4
    dagnn_decay: float = 5e-3
    dropout: float = 0.5
    """Of DAGNN on the digits, as its decay and hops; citation networks have the paper's recipe for each."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    graphs: tuple[str, ...] = (DIGITS,)
    training: Training = Training()
    compared: int = 12
    """Hops of the DAGNN that is compared with a GCN of two layers, on the digits."""
    networks: tuple[str, ...] = ("karate", "les_miserables")
    """On which the limit of averaging is followed."""
    hops: int = 100
    cost_nodes: tuple[int, ...] = (1000, 2000, 5000, 10000, 20000)
    cost_hops: tuple[int, ...] = (5, 10, 20, 40)


def plan(config: Config) -> Iterable[Cell]:
    """One split of one graph a cell, all networks on it; one for each limit, and two for the cost."""
    for graph in config.graphs:
        for seed in range(config.seeds):
            yield Cell.of(accuracy, graph=graph, seed=seed, training=config.training)
    for network in config.networks:
        yield Cell.of(limit, network=network, hops=config.hops)
    yield Cell.of(cost_by_nodes, nodes=config.cost_nodes)
    yield Cell.of(cost_by_hops, hops=config.cost_hops)


def accuracy(graph: str, seed: int, training: Training) -> Rows:
    """Test accuracies by network and depth; and rows of the measure gate."""
    task, first = node_task(graph, seed), derive(seed, "init")
    x, classes, deepest = task.x, task.classes, max(training.dagnn_depths)
    operator = propagator(task.edge_index, len(x)).to(x)
    own = RECIPES.get(graph)
    decay, dropout = (own.decay, own.dropout) if own else (training.dagnn_decay, training.dropout)
    plain = NodeRecipe(weight_decay=training.gcn_decay, epochs=training.epochs)
    deep = NodeRecipe(weight_decay=decay, patience=training.patience, epochs=training.epochs)

    def trained(model: nn.Module, recipe: NodeRecipe) -> NodeResult:
        parts: Any = {"train": task.train_mask, "validation": task.val_mask, "test": task.test_mask}
        model = model.to(x.device)
        return train_node_classifier(model, x, operator, task.y, **parts, recipe=recipe, seed=seed)

    def row(network: str, depth: int, result: NodeResult) -> dict[str, Any]:
        return {"network": network, "depth": depth, "value": result.test, "epoch": result.epoch}

    gcn = partial(GCN, x.shape[1], 64, classes, dropout=0.5, seed=first)
    dagnn = partial(DAGNN, x.shape[1], 64, classes, dropout=dropout, seed=first)
    for depth in training.gcn_depths:
        yield row(GCN_NAME, depth, trained(gcn(layers=depth), plain))
    for depth in training.residual_depths:
        yield row(RESIDUAL, depth, trained(gcn(layers=depth, residual=True), plain))
    yield row(APPNP_NAME, 10, trained(APPNP(x.shape[1], 64, classes, seed=first), plain))
    for depth in training.dagnn_depths:
        result = trained(dagnn(K=depth), deep)
        yield row(DAGNN_NAME, depth, result)
        if depth == deepest:
            yield from gates(result.model, task)
    for name, gate in ABLATIONS.items():
        yield row(name, deepest, trained(dagnn(K=deepest, gate=gate), deep))


def gates(model: nn.Module, task: NodeTask) -> Iterator[dict[str, Any]]:
    """Quartiles over the nodes of what the gate gives each hop."""
    assert isinstance(model, DAGNN)
    with torch.no_grad():
        _, scores = model.eval().propagation(model.transform(task.x), task.edge_index, return_scores=True)
    for hop, quartiles in enumerate(scores.quantile(torch.tensor([0.25, 0.5, 0.75]).to(scores), dim=0).T.tolist()):
        yield {"measure": "gate", "hop": hop, **dict(zip(("low", "value", "high"), quartiles, strict=True))}


def limit(network: str, hops: int) -> Rows:
    """By hop, how far S^k is from its limit, what the eigenvalues say, and how smooth random features have become."""
    adjacency = as_adjacency(real_network(network))
    count, edges = adjacency.shape[0], edge_index_of(adjacency)
    index, weights = gcn_norm(edges, count, torch.ones(edges.shape[1], dtype=torch.float64))
    matrix = np.zeros((count, count))
    np.add.at(matrix, tuple(index.numpy()), weights.numpy())
    values = np.linalg.eigvalsh(matrix)
    second = max(abs(values[-2]), abs(values[0]))
    projector = propagation_limit(edges, count) @ np.eye(count)
    x = torch.randn(count, 16, dtype=torch.float64, generator=generator(0))
    curve = oversmoothing_curve(edges, x, range(hops + 1)).graph.tolist()
    power = np.eye(count)
    for hop in range(1, hops + 1):
        power = power @ matrix
        error = float(np.linalg.norm(power - projector, 2))
        yield {"hop": hop, "error": error, "predicted": float(second**hop), "smoothness": curve[hop]}


def cost_by_nodes(nodes: tuple[int, ...]) -> Rows:
    """Milliseconds for the output and the derivative of adaptive propagation of 10 classes over 20 hops."""
    return cost_growth(lambda count: {DAGNN_NAME: _step(count, 20)}, nodes, name="nodes", rounds=3)


def cost_by_hops(hops: tuple[int, ...]) -> Rows:
    """The same for 5000 nodes by hops, all sizes taking turns."""
    times = milliseconds_in_turns({str(hop): _step(5000, hop) for hop in hops}, rounds=5)
    return [{"hops": int(hop), "value": value} for hop, value in times.items()]


def _step(nodes: int, hops: int) -> Any:
    """Forward and backward through a deep network without parameters of its own, on a scale-free graph."""
    edges = edge_index_of(as_adjacency(nx.barabasi_albert_graph(nodes, 5, seed=0)))
    operator = propagator(edges, nodes)
    x = torch.rand(nodes, 10, generator=generator(0)).requires_grad_()
    model = DAGNN(10, 16, 10, hops, 0.0)
    return lambda: model(x, operator).square().sum().backward()


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Over runs; with several citation networks, over all of them."""
    table = tables.wide("accuracy", index=["graph", "seed"], columns=["network", "depth"])
    gcn, deep = table[GCN_NAME], table[DAGNN_NAME]
    low, high = min(gcn.columns), max(gcn.columns)
    beside = {f"{GCN_NAME} {depth}": gcn[depth].mean() for depth in sorted(gcn.columns)}
    residual: Any = table[RESIDUAL] if RESIDUAL in table.columns.get_level_values(0) else {}
    beside |= {f"{RESIDUAL} {depth}": residual[depth].mean() for depth in residual}
    yield "dagnn-1", above(f"GCN of {low} layers less {high}", bootstrap_mean(gcn[low], gcn[high]), 0.2, beside=beside)
    beside = {f"{DAGNN_NAME} {depth}": deep[depth].mean() for depth in sorted(deep.columns)}
    rise = bootstrap_mean(deep[high], deep[low])
    yield "dagnn-1", above(f"DAGNN of {high} hops less {low}", rise, -0.01, beside=beside)

    hops = {name: RECIPES[name].hops if name in RECIPES else config.compared for name in deep.index.unique("graph")}
    chosen = deep.apply(lambda row: row[hops[row.name[0]]], axis=1)
    appnp = table[APPNP_NAME].iloc[:, 0]
    beside = {"DAGNN": chosen.mean(), "GCN-2": gcn[low].mean(), "gain over APPNP": bootstrap_mean(chosen, appnp)}
    yield "dagnn-2", gain("DAGNN less GCN-2", bootstrap_mean(chosen, gcn[low]), 0.015, beside=beside)
    for name in hops:
        if name in RECIPES:
            away = mean_interval(chosen[name] - RECIPES[name].accuracy)
            yield "dagnn-2", between(f"{name}: accuracy less the paper's", away, -0.01, 0.01)

    most = max(deep.columns)
    for name in (LAST, MEAN):
        more = bootstrap_mean(deep[most], table[name, most])
        beside = {"gate": deep[most].mean(), name: table[name, most].mean()}
        yield "dagnn-3", gain(f"gate less {name}, {most} hops", more, 0.02, beside=beside)
    weights = tables.mean("gate", "hop")
    beside = {"least median weight of a hop": weights.min(), "largest": weights.max()}
    more = paired_difference(deep[most], table[SUM, most])
    yield "dagnn-3", above(f"gate less {SUM}, {most} hops", more, 0.0, beside=beside)

    table = tables["limit"].sort_values("hop")
    gap = float((table["error"] - table["predicted"]).abs().max())
    yield "dagnn-4", exact("largest gap between measured and predicted distance", gap, 1e-9)
    late = [own.loc[own["hop"] >= 10, "smoothness"].to_numpy(float) for _, own in table.groupby("network")]
    rising = sum(int((each[1:] >= each[:-1]).sum()) for each in late)
    yield "dagnn-4", exact("hops from 10 on at which features did not grow more alike", rising)


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy by depth, the gate against its ablations, where averaging ends, and the cost."""
    costs = {"20 hops": ("cost_by_nodes", "nodes"), "5000 nodes": ("cost_by_hops", "hops")}
    return {
        "depth": _depth(tables),
        "gate": _gate(tables),
        "limit": _limit(tables),
        "cost": panels(costs, partial(_cost, tables), height=3.0),
    }


def _depth(tables: Tables) -> Figure:
    drawn, ax = figure(5.4, 3.4)
    table = tables["accuracy"]
    colors = {GCN_NAME: PALETTE[1], DAGNN_NAME: PALETTE[0], RESIDUAL: PALETTE[4]}
    lines(ax, table, x="depth", by="network", names=list(colors), over=["graph", "seed"], colors=colors)
    appnp = table[table["network"] == APPNP_NAME]["value"].mean()
    ax.axhline(appnp, color=INK, linestyle=":", linewidth=1, label="APPNP, 10 hops")
    depths = sorted(table[table["network"].isin([GCN_NAME, DAGNN_NAME])]["depth"].unique())
    ax.set_xscale("log", base=2)
    ax.set_xticks(depths, [str(depth) for depth in depths])
    ax.minorticks_off()
    ax.set(xlabel="layers of GCN, hops of DAGNN", ylabel="accuracy on test nodes", ylim=(0, 1))
    ax.legend(loc="lower left")
    return drawn


def _gate(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.0, width_ratios=[1.0, 1.5])
    most = tables.rows("accuracy", network=DAGNN_NAME)["depth"].max()
    table = tables.rows("accuracy", depth=int(most), network=(DAGNN_NAME, SUM, MEAN, LAST))
    bars(axes[0, 0], table.replace({DAGNN_NAME: "gate"}), by="network", over=["graph", "seed"])
    axes[0, 0].set(ylim=(0, 1), ylabel=f"accuracy, {most} hops")
    axes[0, 0].tick_params(axis="x", labelsize=7)
    for name, own in tables["gate"].groupby("graph"):
        by_hop = own.groupby("hop")[["low", "value", "high"]].mean()
        axes[0, 1].plot(by_hop.index, by_hop["value"], label=str(name))
        axes[0, 1].fill_between(by_hop.index, by_hop["low"], by_hop["high"], alpha=0.2, linewidth=0)
    axes[0, 1].set(xlabel="hop", ylabel="weight that the gate gives", ylim=(0, 1))
    axes[0, 1].set_title("median and quartiles over the nodes")
    axes[0, 1].legend()
    return drawn


def _limit(tables: Tables) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.0)
    for number, (name, own) in enumerate(tables["limit"].groupby("network", sort=False)):
        color, label = PALETTE[number], str(name).replace("_", " ")
        axes[0, 0].plot(own["hop"], own["error"], color=color, label=label)
        power = None if number else "largest eigenvalue's power"
        axes[0, 0].plot(own["hop"], own["predicted"], ":", color=INK, label=power)
        axes[0, 1].plot(own["hop"], own["smoothness"], color=color, label=label)
    axes[0, 0].set(yscale="log", xlabel="hops", ylabel="distance from the limit")
    axes[0, 1].set(yscale="log", xlabel="hops", ylabel="mean distance of nodes' directions")
    axes[0, 0].legend()
    return drawn


def _cost(tables: Tables, ax: Axes, of: tuple[str, str]) -> None:
    growth(ax, tables[of[0]], x=of[1])
    ax.set(xlabel=of[1], ylabel="milliseconds, output and derivative")


STUDY = Study(
    paper="dagnn",
    presets={
        "smoke": Config(
            seeds=1,
            training=Training(epochs=8, gcn_depths=(2, 4), residual_depths=(4,), dagnn_depths=(2, 4, 8)),
            compared=4,
            networks=("karate",),
            hops=20,
            cost_nodes=(200, 400),
            cost_hops=(2, 4),
        ),
        "laptop": Config(),
        "paper": Config(
            seeds=20,
            graphs=("cora", "citeseer", "pubmed"),
            training=Training(epochs=1000, patience=100, dagnn_depths=(2, 6, 10, 20, 24, 64)),
        ),
    },
    plan=plan,
    measures=(accuracy, limit, cost_by_nodes, cost_by_hops),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce dagnn``."""
