"""What the noisy-label-clustering study measures: how well clusters are found, and what finding them costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from netopsy.core.seeds import derive
from netopsy.graphs.noisy_label_clustering import (
    BY_SIZE,
    Cluster,
    approximate_pagerank,
    attribute_edge_weights,
    label_edge_weights,
    labels_from_samples,
    local_cluster,
)
from netopsy.lab.costs import milliseconds
from netopsy.studies.graphs._noisy_graphs import Attributed, Blocks, Planted

LFD, FD, LABELS, PAGERANK, ATTRIBUTES = "labels and graph", "graph alone", "labels alone", "PageRank", "attributes"
"""Flow diffusion with labels, without, the labels themselves, label-weighted PageRank, diffusion weighted by
attributes."""
SETTLED = " (ten times the passes)"
"""The same with ten times as many passes, in real graphs."""
TELEPORTS = (0.1, 0.2, 0.3)

Row = dict[str, Any]


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    """F1 score of the nodes found, for a true cluster given as booleans."""
    return float(2 * truth[found].sum() / (len(found) + truth.sum()))


def noisy(truth: np.ndarray, inside: float, outside: float, seed: int) -> np.ndarray:
    """Labels that are right for a share of the cluster's nodes and for a share of the others."""
    right = np.random.default_rng(seed).random(len(truth)) < np.where(truth, inside, outside)
    return np.where(right, truth, ~truth).astype(np.int8)


def by_accuracy(
    blocks: Blocks, seed: int, starts: int, passes: int, accuracies: Sequence[Sequence[float]]
) -> Iterator[Row]:
    """F1 of the ways to find the first block from seeds in it, by how right the labels are."""
    graph = blocks.graph(seed)
    truth = np.arange(blocks.nodes) < blocks.size
    scan: Row = {"size_hint": blocks.size, "alphas": BY_SIZE, "max_passes": passes}
    reach = 1.0 / (10 * graph.degrees[truth].sum())
    for start in range(starts):
        plain = f1(local_cluster(graph, start, **scan).nodes, truth)
        for inside, outside in accuracies:
            labels = noisy(truth, inside, outside, derive(seed, "labels", start, str(inside), str(outside)))
            labels[start] = 1
            volume = float(label_edge_weights(graph, labels).sum())
            yield {
                "seed": seed,
                "start": start,
                "inside": inside,
                "outside": outside,
                FD: plain,
                LABELS: f1(np.flatnonzero(labels), truth),
                LFD: f1(local_cluster(graph, start, labels=labels, volume=volume, **scan).nodes, truth),
                PAGERANK: f1(_pagerank(graph, start, labels, volume, reach), truth),
            }


def by_eps(blocks: Blocks, seed: int, starts: int, passes: int, eps: Sequence[float]) -> Iterator[Row]:
    """F1 with labels that are right for 9 of 10 nodes, by the weight of edges between different labels."""
    graph = blocks.graph(seed)
    truth = np.arange(blocks.nodes) < blocks.size
    for start in range(starts):
        labels = noisy(truth, 0.9, 0.9, derive(seed, "labels", start, "0.9", "0.9"))
        labels[start] = 1
        for weight in eps:
            volume = float(label_edge_weights(graph, labels, eps=weight).sum())
            options: Row = {"size_hint": blocks.size, "alphas": BY_SIZE, "max_passes": passes, "volume": volume}
            found = local_cluster(graph, start, labels=labels, eps=float(weight), **options)
            yield {"seed": seed, "start": start, "eps": weight, "value": f1(found.nodes, truth)}


def by_class(data: Attributed, draws: int, samples: int, step: float, passes: int) -> Iterator[Row]:
    """F1 of the ways to find each class of a real graph, labels by logistic regression on a few nodes."""
    graph = data.graph
    alphas = tuple(np.arange(1.5, 5.0 + 1e-9, step).tolist())
    similar = attribute_edge_weights(graph, data.features)
    for label in np.unique(data.classes).tolist():
        truth = data.classes == label
        hint = float(graph.degrees[truth].sum())
        scan: Row = {"volume_hint": hint, "alphas": alphas, "max_passes": passes}
        for draw in range(draws):
            random = np.random.default_rng(derive(draw, "samples", label))
            inside, outside = (random.choice(np.flatnonzero(of), samples, replace=False) for of in (truth, ~truth))
            labels = labels_from_samples(data.features, inside, outside)
            start = int(inside[0])
            volume = float(label_edge_weights(graph, labels).sum())
            told: Row = {"labels": labels, "volume": volume}
            settled: Row = {**scan, "max_passes": 10 * passes}
            yield {
                "class": label,
                "draw": draw,
                "right inside": float((labels[truth] == 1).mean()),
                "right outside": float((labels[~truth] == 0).mean()),
                FD: f1(local_cluster(graph, start, **scan).nodes, truth),
                LABELS: f1(np.flatnonzero(labels), truth),
                LFD: f1(local_cluster(graph, start, **told, **scan).nodes, truth),
                PAGERANK: f1(_pagerank(graph, start, labels, volume, 0.1 / hint), truth),
                ATTRIBUTES: f1(local_cluster(graph, start, weights=similar, **scan).nodes, truth),
                FD + SETTLED: f1(local_cluster(graph, start, **settled).nodes, truth),
                LFD + SETTLED: f1(local_cluster(graph, start, **told, **settled).nodes, truth),
            }


def by_size(seed: int, sizes: Sequence[int], starts: int, rounds: int) -> Iterator[Row]:
    """What finding one cluster touches and costs in graphs of growing size: means over several of its nodes as seeds.

    Labels are right for 9 of 10 nodes. All sizes take turns in every round, so that whatever else the machine does
    slows down all of them; of the rounds the fastest counts.
    """
    rows: list[Row] = []
    calls: list[list[Callable[[], Cluster]]] = []
    for nodes in sizes:
        planted = Planted.of(nodes, seed)
        graph = planted.graph
        truth = np.isin(np.arange(nodes), planted.members)
        labels = noisy(truth, 0.9, 0.9, derive(seed, "noise", nodes))
        labels[planted.members] = noisy(np.ones(len(planted.members), dtype=bool), 0.9, 0.9, derive(seed, "members"))
        hint = float(graph.degrees[truth].sum())
        seeds = planted.members[:starts].tolist()
        calls.append([partial(local_cluster, graph, start, labels=labels, volume_hint=hint) for start in seeds])
        found = [call() for call in calls[-1]]
        rows.append(
            {
                "seed": seed,
                "nodes": nodes,
                "edges": graph.edge_count,
                "touched": float(np.mean([each.path[-1].touched_edges for each in found])),
                "share of bound": max(each.path[-1].touched_edges / (5 * hint * each.path[-1].alpha) for each in found),
                "f1": float(np.mean([f1(each.nodes, truth) for each in found])),
            }
        )
    times = [[[milliseconds(call, rounds=1) for call in of_size] for of_size in calls] for _ in range(rounds)]
    for row, of_size in zip(rows, np.min(times, axis=0), strict=True):
        yield row | {"value": float(np.mean(of_size))}


def _pagerank(graph: Any, start: int, labels: np.ndarray, volume: float, tol: float) -> np.ndarray:
    """The best cut of several teleports, by conductance."""
    cuts = [
        approximate_pagerank(graph, start, teleport=teleport, tol=tol, labels=labels, volume=volume).cut
        for teleport in TELEPORTS
    ]
    return min(cuts, key=lambda cut: cut.conductance).nodes
