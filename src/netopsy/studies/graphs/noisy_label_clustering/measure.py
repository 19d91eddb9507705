"""What the noisy-label-clustering study measures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from netopsy.core.seeds import derive
from netopsy.data.planetoid import without_fetching
from netopsy.graphs.noisy_label_clustering import (
    BY_SIZE,
    CheckedGraph,
    Cluster,
    approximate_pagerank,
    attribute_edge_weights,
    label_edge_weights,
    labels_from_samples,
    local_cluster,
)
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import milliseconds
from netopsy.lab.subjects.clusters import Blocks, attributed, block_graph, block_labels, f1, noisy, planted
from netopsy.studies.graphs.noisy_label_clustering.plan import (
    ATTRIBUTES,
    FD,
    LABELS,
    LFD,
    PAGERANK,
    SETTLED,
    Config,
    Scan,
)

Row = dict[str, Any]
TELEPORTS = (0.1, 0.2, 0.3)


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each block model, for each real graph, and for each cluster planted in graphs of growing size."""
    for seed in range(config.seeds):
        shared: Row = {"blocks": config.blocks, "seed": seed, "starts": config.starts, "passes": config.scan.passes}
        yield Cell.of(accuracy, **shared, accuracies=config.accuracies)
        yield Cell.of(eps, **shared, weights=config.eps)
    given: Row = {name: getattr(config, name) for name in ("draws", "samples", "noise", "scan")}
    for name in without_fetching(config.real):
        yield Cell.of(real, graph=name, **given)
    for seed in range(config.clusters):
        yield Cell.of(size, seed=seed, sizes=config.sizes, members=config.members, rounds=config.rounds)


def accuracy(blocks: Blocks, seed: int, starts: int, passes: int, accuracies: tuple[tuple[float, float], ...]) -> Rows:
    """F1 of the ways to find the first block from seeds in it, by how right the labels are."""
    graph = block_graph(blocks, seed)
    scan: Row = {"size_hint": blocks.size, "alphas": BY_SIZE, "max_passes": passes}
    tol = 1.0 / (10 * graph.degrees[blocks.truth].sum())
    for start in range(starts):
        plain = f1(local_cluster(graph, start, **scan).nodes, blocks.truth)
        for inside, outside in accuracies:
            labels = block_labels(blocks, seed, start, inside, outside)
            found = by_labels(graph, start, labels, blocks.truth, tol, **scan)
            yield {"start": start, "inside": inside, "outside": outside, FD: plain, **found}


def eps(blocks: Blocks, seed: int, starts: int, passes: int, weights: tuple[float, ...]) -> Rows:
    """F1 with labels that are right for 9 of 10 nodes, by the weight of edges between different labels."""
    graph = block_graph(blocks, seed)
    scan: Row = {"size_hint": blocks.size, "alphas": BY_SIZE, "max_passes": passes}
    for start in range(starts):
        labels = block_labels(blocks, seed, start, 0.9, 0.9)
        for weight in map(float, weights):
            given: Row = {"labels": labels, "volume": float(label_edge_weights(graph, labels, eps=weight).sum())}
            found = local_cluster(graph, start, eps=weight, **given, **scan)
            yield {"start": start, "eps": weight, "value": f1(found.nodes, blocks.truth)}


def real(graph: str, draws: int, samples: int, noise: float, scan: Scan) -> Rows:
    """F1 of the ways to find each class of a real graph, labels by logistic regression on a few nodes."""
    checked, features, classes = attributed(graph, noise)
    alphas = tuple(np.arange(1.5, 5.0 + 1e-9, scan.step).tolist())
    similar = attribute_edge_weights(checked, features)
    for label in np.unique(classes).tolist():
        truth = classes == label
        hint = float(checked.degrees[truth].sum())
        options: Row = {"volume_hint": hint, "alphas": alphas, "max_passes": scan.passes}
        settled: Row = {**options, "max_passes": 10 * scan.passes}
        for draw in range(draws):
            random = np.random.default_rng(derive(draw, "samples", label))
            inside, outside = (random.choice(np.flatnonzero(of), samples, replace=False) for of in (truth, ~truth))
            labels, start = labels_from_samples(features, inside, outside), int(inside[0])
            given: Row = {"labels": labels, "volume": float(label_edge_weights(checked, labels).sum())}
            found = {
                FD: local_cluster(checked, start, **options),
                ATTRIBUTES: local_cluster(checked, start, weights=similar, **options),
                FD + SETTLED: local_cluster(checked, start, **settled),
                LFD + SETTLED: local_cluster(checked, start, **given, **settled),
            }
            yield {
                "class": label,
                "draw": draw,
                "correct inside": float((labels[truth] == 1).mean()),
                "correct outside": float((labels[~truth] == 0).mean()),
                **by_labels(checked, start, labels, truth, 0.1 / hint, **options),
                **{way: f1(cluster.nodes, truth) for way, cluster in found.items()},
            }


def size(seed: int, sizes: tuple[int, ...], members: int, rounds: int) -> Rows:
    """What finding one cluster touches and costs in graphs of growing size: means over several of its nodes as seeds.

    Labels are right for 9 of 10 nodes. All sizes take turns in every round, so that whatever else the machine does
    slows down all of them; of the rounds the fastest counts.
    """
    rows: list[Row] = []
    calls: list[list[Callable[[], Cluster]]] = []
    for nodes in sizes:
        graph, own = planted(nodes, seed)
        truth = np.isin(np.arange(nodes), own)
        labels = noisy(truth, 0.9, 0.9, derive(seed, "noise", nodes))
        labels[own] = noisy(np.ones(len(own), dtype=bool), 0.9, 0.9, derive(seed, "members"))
        hint = float(graph.degrees[truth].sum())
        find = partial(local_cluster, graph, labels=labels, volume_hint=hint)
        calls.append([partial(find, start) for start in own[:members].tolist()])
        found = [call() for call in calls[-1]]
        last = [each.path[-1] for each in found]
        rows.append(
            {
                "nodes": nodes,
                "edges": graph.edge_count,
                "touched": float(np.mean([step.touched_edges for step in last])),
                "share of bound": max(step.touched_edges / (5 * hint * step.alpha) for step in last),
                "f1": float(np.mean([f1(each.nodes, truth) for each in found])),
            }
        )
    times = [[[milliseconds(call, rounds=1) for call in of_size] for of_size in calls] for _ in range(rounds)]
    for row, of_size in zip(rows, np.min(times, axis=0), strict=True):
        yield row | {"value": float(np.mean(of_size))}


def by_labels(
    graph: CheckedGraph, start: int, labels: np.ndarray, truth: np.ndarray, tol: float, **scan: Any
) -> dict[str, float]:
    """F1 of the labels, of diffusion with them, and of PageRank's best cut of several teleports, by conductance."""
    given: Row = {"labels": labels, "volume": float(label_edge_weights(graph, labels).sum())}
    cuts = [approximate_pagerank(graph, start, teleport=each, tol=tol, **given).cut for each in TELEPORTS]
    return {
        LABELS: f1(np.flatnonzero(labels), truth),
        LFD: f1(local_cluster(graph, start, **given, **scan).nodes, truth),
        PAGERANK: f1(min(cuts, key=lambda cut: cut.conductance).nodes, truth),
    }
