"""What the noisy-label-clustering study measures: how well clusters are found, and what finding them costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netopsy.core.seeds import derive
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, local_planetoid, planetoid
from netopsy.graphs.noisy_label_clustering import (
    BY_SIZE,
    CheckedGraph,
    Cluster,
    approximate_pagerank,
    attribute_edge_weights,
    checked_graph,
    label_edge_weights,
    labels_from_samples,
    local_cluster,
)
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import milliseconds
from netopsy.studies.graphs.noisy_label_clustering.plan import (
    ATTRIBUTES,
    DIGITS,
    FD,
    LABELS,
    LFD,
    PAGERANK,
    SETTLED,
    Blocks,
    Config,
    Scan,
)

TELEPORTS = (0.1, 0.2, 0.3)

Row = dict[str, Any]


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each block model, for each real graph, and for each cluster planted in graphs of growing size."""
    for seed in range(config.seeds):
        shared: Row = {"blocks": config.blocks, "seed": seed, "starts": config.starts, "passes": config.scan.passes}
        yield Cell.of(accuracy, **shared, accuracies=config.accuracies)
        yield Cell.of(eps, **shared, weights=config.eps)
    for name in known_graphs(config.real):
        yield Cell.of(
            real, graph=name, draws=config.draws, samples=config.samples, noise=config.noise, scan=config.scan
        )
    for seed in range(config.clusters):
        yield Cell.of(size, seed=seed, sizes=config.sizes, members=config.members, rounds=config.rounds)


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    """F1 score of the nodes found, for a true cluster given as booleans."""
    return float(2 * truth[found].sum() / (len(found) + truth.sum()))


def noisy(truth: np.ndarray, inside: float, outside: float, seed: int) -> np.ndarray:
    """Labels that are right for a share of the cluster's nodes and for a share of the others."""
    right = np.random.default_rng(seed).random(len(truth)) < np.where(truth, inside, outside)
    return np.where(right, truth, ~truth).astype(np.int8)


def accuracy(blocks: Blocks, seed: int, starts: int, passes: int, accuracies: tuple[tuple[float, float], ...]) -> Rows:
    """F1 of the ways to find the first block from seeds in it, by how right the labels are."""
    graph = block_graph(blocks, seed)
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
                "start": start,
                "inside": inside,
                "outside": outside,
                FD: plain,
                LABELS: f1(np.flatnonzero(labels), truth),
                LFD: f1(local_cluster(graph, start, labels=labels, volume=volume, **scan).nodes, truth),
                PAGERANK: f1(_pagerank(graph, start, labels, volume, reach), truth),
            }


def eps(blocks: Blocks, seed: int, starts: int, passes: int, weights: tuple[float, ...]) -> Rows:
    """F1 with labels that are right for 9 of 10 nodes, by the weight of edges between different labels."""
    graph = block_graph(blocks, seed)
    truth = np.arange(blocks.nodes) < blocks.size
    for start in range(starts):
        labels = noisy(truth, 0.9, 0.9, derive(seed, "labels", start, "0.9", "0.9"))
        labels[start] = 1
        for weight in weights:
            volume = float(label_edge_weights(graph, labels, eps=weight).sum())
            options: Row = {"size_hint": blocks.size, "alphas": BY_SIZE, "max_passes": passes, "volume": volume}
            found = local_cluster(graph, start, labels=labels, eps=float(weight), **options)
            yield {"start": start, "eps": weight, "value": f1(found.nodes, truth)}


def real(graph: str, draws: int, samples: int, noise: float, scan: Scan) -> Rows:
    """F1 of the ways to find each class of a real graph, labels by logistic regression on a few nodes."""
    data = attributed(graph, noise)
    checked = data.graph
    alphas = tuple(np.arange(1.5, 5.0 + 1e-9, scan.step).tolist())
    similar = attribute_edge_weights(checked, data.features)
    for label in np.unique(data.classes).tolist():
        truth = data.classes == label
        hint = float(checked.degrees[truth].sum())
        options: Row = {"volume_hint": hint, "alphas": alphas, "max_passes": scan.passes}
        for draw in range(draws):
            random = np.random.default_rng(derive(draw, "samples", label))
            inside, outside = (random.choice(np.flatnonzero(of), samples, replace=False) for of in (truth, ~truth))
            labels = labels_from_samples(data.features, inside, outside)
            start = int(inside[0])
            volume = float(label_edge_weights(checked, labels).sum())
            labelled: Row = {"labels": labels, "volume": volume}
            settled: Row = {**options, "max_passes": 10 * scan.passes}
            yield {
                "class": label,
                "draw": draw,
                "correct inside": float((labels[truth] == 1).mean()),
                "correct outside": float((labels[~truth] == 0).mean()),
                FD: f1(local_cluster(checked, start, **options).nodes, truth),
                LABELS: f1(np.flatnonzero(labels), truth),
                LFD: f1(local_cluster(checked, start, **labelled, **options).nodes, truth),
                PAGERANK: f1(_pagerank(checked, start, labels, volume, 0.1 / hint), truth),
                ATTRIBUTES: f1(local_cluster(checked, start, weights=similar, **options).nodes, truth),
                FD + SETTLED: f1(local_cluster(checked, start, **settled).nodes, truth),
                LFD + SETTLED: f1(local_cluster(checked, start, **labelled, **settled).nodes, truth),
            }


def size(seed: int, sizes: tuple[int, ...], members: int, rounds: int) -> Rows:
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
        seeds = planted.members[:members].tolist()
        calls.append([partial(local_cluster, graph, start, labels=labels, volume_hint=hint) for start in seeds])
        found = [call() for call in calls[-1]]
        rows.append(
            {
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


def block_graph(blocks: Blocks, seed: int) -> CheckedGraph:
    """One graph of the model."""
    import networkx as nx

    between = np.full((blocks.count, blocks.count), blocks.outside)
    np.fill_diagonal(between, blocks.inside)
    return checked_graph(
        nx.stochastic_block_model([blocks.size] * blocks.count, between.tolist(), seed=derive(seed, "blocks"))
    )


@dataclass(frozen=True, eq=False)
class Attributed:
    """A graph whose nodes have features and classes."""

    graph: CheckedGraph
    features: np.ndarray
    classes: np.ndarray


def known_graphs(wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of the graphs that need not be fetched; networks of citations are not fetched by a study."""
    here = local_planetoid()
    return tuple(name for name in wanted if name not in PLANETOID or name in here)


def attributed(name: str, noise: float) -> Attributed:
    """A real graph's largest component."""
    if name == DIGITS:
        return _digits(noise)
    data = planetoid(name)
    graph = checked_graph(data)
    _, component = connected_components(graph.adjacency(), directed=False)
    kept = np.flatnonzero(component == np.bincount(component).argmax())
    rows = graph.adjacency()[kept][:, kept]
    return Attributed(checked_graph(rows), data.x.numpy()[kept], data.y.numpy()[kept])


def _digits(noise: float) -> Attributed:
    """Digits with noisy pixels, each joined to its 10 nearest and to those that it is among the nearest of."""
    graph, pixels = digits_graph(10, noise=noise, seed=derive(0, "noise"))
    assert graph.labels is not None
    return Attributed(checked_graph(graph.adjacency), pixels, graph.labels)


@dataclass(frozen=True, eq=False)
class Planted:
    """A cluster of 100 nodes in a graph, wherever in its numbers."""

    graph: CheckedGraph
    members: np.ndarray

    @classmethod
    def of(cls, nodes: int, seed: int, size: int = 100, degree: int = 10) -> Planted:
        """The same cluster for every number of nodes: the same edges inside, as many that leave from each member.

        Members have about half their edges inside. The others are joined at random, ``degree`` edges a node.
        """
        own = np.random.default_rng(derive(seed, "cluster"))
        first, second = np.triu_indices(size, 1)
        drawn = own.random(len(first)) < 0.5 * degree / (size - 1)
        first, second = first[drawn], second[drawn]
        rest = np.random.default_rng(derive(seed, "rest", nodes))
        out = rest.integers(size, nodes, size * degree // 2)
        ends = rest.integers(size, nodes, (2, (nodes - size) * degree // 2))
        one = np.concatenate([first, np.repeat(np.arange(size), degree // 2), ends[0]])
        other = np.concatenate([second, out, ends[1]])
        place = rest.permutation(nodes)
        one, other = place[one], place[other]
        apart = one != other
        entries = np.ones(2 * int(apart.sum()))
        rows = np.concatenate([one[apart], other[apart]])
        columns = np.concatenate([other[apart], one[apart]])
        matrix = sparse.csr_array(sparse.coo_array((entries, (rows, columns)), (nodes, nodes)))
        return cls(checked_graph(matrix), place[:size])
