"""What is measured of deep graph networks: accuracy by depth, the gate, and where averaging ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import torch
from torch import nn

from netopsy.core.seeds import derive, generator
from netopsy.data.graphs import graph
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.dagnn import DAGNN, gcn_norm, oversmoothing_curve, propagation_limit
from netopsy.graphs.dagnn.model import Gate
from netopsy.graphs.networks import APPNP, GCN
from netopsy.graphs.node_classification import NodeRecipe, NodeResult, train_node_classifier
from netopsy.graphs.propagation import propagator
from netopsy.lab.costs import milliseconds
from netopsy.studies.graphs._citation import NodeTask

Row = dict[str, Any]
GCN_NAME, DAGNN_NAME, APPNP_NAME, RESIDUAL = "GCN", "DAGNN", "APPNP", "GCN, residual"
LAST, MEAN, SUM = "last hop", "mean of hops", "sum of hops"


def by_depth(task: NodeTask, given: Mapping[str, Any], seed: int) -> Iterator[Row]:
    """Test accuracies by network and depth, and what the gates weigh."""
    x, classes = task.x, task.classes
    operator = propagator(task.edge_index, len(x)).to(x)
    common = {"epochs": given["epochs"]}
    plain = NodeRecipe(weight_decay=given["gcn_decay"], **common)
    deep = NodeRecipe(weight_decay=given["dagnn_decay"], patience=given["patience"], **common)
    first = derive(seed, "init")
    dropout = given["dropout"]

    def trained(model: nn.Module, recipe: NodeRecipe) -> NodeResult:
        return train_node_classifier(
            model.to(x.device),
            x,
            operator,
            task.labels,
            train=task.train,
            validation=task.validation,
            test=task.test,
            recipe=recipe,
            seed=seed,
        )

    def row(network: str, depth: int, result: NodeResult) -> Row:
        return {"measure": "accuracy", "network": network, "depth": depth, "value": result.test, "epoch": result.epoch}

    for depth in given["gcn_depths"]:
        yield row(GCN_NAME, depth, trained(GCN(x.shape[1], 64, classes, depth, 0.5, seed=first), plain))
    for depth in given["residual_depths"]:
        model = GCN(x.shape[1], 64, classes, depth, 0.5, residual=True, seed=first)
        yield row(RESIDUAL, depth, trained(model, plain))
    yield row(APPNP_NAME, 10, trained(APPNP(x.shape[1], 64, classes, seed=first), plain))
    for depth in given["dagnn_depths"]:
        result = trained(DAGNN(x.shape[1], 64, classes, depth, dropout, seed=first), deep)
        yield row(DAGNN_NAME, depth, result)
        if depth == max(given["dagnn_depths"]):
            yield from gates(result.model, task)
    deepest = max(given["dagnn_depths"])
    ablations: tuple[tuple[str, Gate], ...] = ((LAST, "last"), (MEAN, "mean"), (SUM, "sum"))
    for name, gate in ablations:
        yield row(name, deepest, trained(DAGNN(x.shape[1], 64, classes, deepest, dropout, gate=gate, seed=first), deep))


def gates(model: nn.Module, task: NodeTask) -> Iterator[Row]:
    """Quartiles over the nodes of what the gate gives each hop."""
    assert isinstance(model, DAGNN)
    with torch.no_grad():
        _, scores = model.eval().propagation(model.transform(task.x), task.edge_index, return_scores=True)
    for hop, quartiles in enumerate(scores.quantile(torch.tensor([0.25, 0.5, 0.75]).to(scores), dim=0).T.tolist()):
        yield {"measure": "gate", "hop": hop, **dict(zip(("low", "value", "high"), quartiles, strict=True))}


def limits(names: Sequence[str], hops: int) -> Iterator[Row]:
    """By hop, how far S^k is from its limit, what the eigenvalues say, and how smooth random features have become."""
    for name in names:
        adjacency = as_adjacency(graph(name))
        count = adjacency.shape[0]
        edges = edge_index_of(adjacency)
        index, weights = gcn_norm(edges, count, torch.ones(edges.shape[1], dtype=torch.float64))
        matrix = np.zeros((count, count))
        np.add.at(matrix, tuple(index.numpy()), weights.numpy())
        values = np.linalg.eigvalsh(matrix)
        second = max(abs(values[-2]), abs(values[0]))
        limit = propagation_limit(edges, count) @ np.eye(count)
        x = torch.randn(count, 16, dtype=torch.float64, generator=generator(0))
        curve = oversmoothing_curve(edges, x, range(hops + 1)).graph.tolist()
        power = np.eye(count)
        for hop in range(1, hops + 1):
            power = power @ matrix
            error = float(np.linalg.norm(power - limit, 2))
            yield {
                "measure": "limit",
                "graph": name,
                "hop": hop,
                "error": error,
                "predicted": float(second**hop),
                "smoothness": curve[hop],
            }


def cost(nodes: Sequence[int], hops: Sequence[int]) -> Iterator[Row]:
    """Milliseconds for the output and the derivative of adaptive propagation of 10 classes, by nodes and by hops."""
    for count in nodes:
        yield {"measure": "cost", "by": "nodes", "size": count, "value": milliseconds(step(count, 20), rounds=3)}
    for hop in hops:
        yield {"measure": "cost", "by": "hops", "size": hop, "value": milliseconds(step(5000, hop), rounds=3)}


def step(nodes: int, hops: int) -> Callable[[], None]:
    """Forward and backward through a deep network without parameters of its own, on a scale-free graph."""
    edges = edge_index_of(as_adjacency(nx.barabasi_albert_graph(nodes, 5, seed=0)))
    operator = propagator(edges, nodes)
    x = torch.rand(nodes, 10, generator=generator(0)).requires_grad_()
    model = DAGNN(10, 16, 10, hops, 0.0)

    def run() -> None:
        model(x, operator).square().sum().backward()

    return partial(run)
