"""Do noisy labels help to find the cluster around a node, and is it local? Back de Luca et al. 2024 re-tested."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.core.seeds import derive
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import planetoid, without_fetching
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
from netopsy.lab import (
    Cell,
    Part,
    Rows,
    Study,
    Tables,
    above,
    below,
    exact,
    gain,
    mean_interval,
    open_part,
    paired_difference,
)
from netopsy.lab.costs import exponent, milliseconds
from netopsy.lab.plots import bars, intervals, lines, panels

LFD, FD, LABELS, PAGERANK, ATTRIBUTES = "labels and graph", "graph alone", "labels alone", "PageRank", "attributes"
"""Flow diffusion with labels, without, the labels themselves, label-weighted PageRank, diffusion weighted by
attributes."""
WAYS = (LFD, FD, LABELS, PAGERANK, ATTRIBUTES)
SETTLED = " (ten times the passes)"
"""The same with ten times as many passes, in real graphs."""
DIGITS = "digits"
TELEPORTS = (0.1, 0.2, 0.3)
MARGIN, REAL_MARGIN = 0.03, 0.04
GOOD, CHANCE = 0.7, 0.5
"""Labels from which on a gain is asked, and up to which a loss is."""
JUDGED = (0.01, 0.1)
"""Weights of edges between different labels that claim 5 speaks of."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Blocks:
    """A stochastic block model: so many clusters of one size; the first is the one to find."""

    count: int = 20
    size: int = 100
    inside: float = 0.1
    """The chance of an edge within a cluster."""
    outside: float = 0.01
    """The chance of an edge between two."""

    @property
    def truth(self) -> np.ndarray:
        """Which of the nodes are in the first."""
        return np.arange(self.count * self.size) < self.size


@dataclass(frozen=True)
class Scan:
    """How flow diffusion looks for a cluster."""

    step: float = 0.5
    """Between the multiples of the source, in real graphs from 1.5 to 5."""
    passes: int = 100


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 8
    """Random graphs of the block model: the unit of its intervals."""
    blocks: Blocks = Blocks()
    starts: int = 8
    """Seed nodes in each graph; in block models each with labels of its own."""
    accuracies: tuple[tuple[float, float], ...] = (
        *((0.5, 0.5), (0.7, 0.7), (0.7, 0.9), (0.8, 0.8), (0.9, 0.9), (0.8, 0.95), (0.95, 0.95)),
    )
    """How many of the cluster's nodes are labelled 1, and how many others 0."""
    eps: tuple[float, ...] = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0)
    """Weights of edges between different labels."""
    draws: int = 10
    """Seeds and samples in each class of a real graph."""
    samples: int = 25
    """Nodes of the class, and as many others, that the classifier learns from."""
    noise: float = 1.0
    """Standard deviation of what is added to the digits' pixels, which are from 0 to 16."""
    scan: Scan = Scan()
    real: tuple[str, ...] = (DIGITS, "cora", "citeseer")
    """Those that are not on this machine are left out, and the verdict says so."""
    clusters: int = 5
    """Each is planted in graphs of every size."""
    members: int = 20
    """Nodes of each cluster that are seeds."""
    sizes: tuple[int, ...] = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
    """Nodes of these graphs; each has five times as many edges."""
    rounds: int = 4


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


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    """F1 score of the nodes found, for a true cluster given as booleans."""
    return float(2 * truth[found].sum() / (len(found) + truth.sum()))


def noisy(truth: np.ndarray, inside: float, outside: float, seed: int) -> np.ndarray:
    """Labels that are right for a share of the cluster's nodes and for a share of the others."""
    right = np.random.default_rng(seed).random(len(truth)) < np.where(truth, inside, outside)
    return np.where(right, truth, ~truth).astype(np.int8)


def block_labels(blocks: Blocks, seed: int, start: int, inside: float, outside: float) -> np.ndarray:
    """Noisy labels of the first block, that of the start right."""
    labels = noisy(blocks.truth, inside, outside, derive(seed, "labels", start, str(inside), str(outside)))
    labels[start] = 1
    return labels


def block_graph(blocks: Blocks, seed: int) -> CheckedGraph:
    """One graph of the model."""
    between = np.full((blocks.count, blocks.count), blocks.outside)
    np.fill_diagonal(between, blocks.inside)
    sizes = [blocks.size] * blocks.count
    return checked_graph(nx.stochastic_block_model(sizes, between.tolist(), seed=derive(seed, "blocks")))


def attributed(name: str, noise: float) -> tuple[CheckedGraph, np.ndarray, np.ndarray]:
    """Digits with noisy pixels, each joined to 10, or a citation network's largest component; features and classes."""
    if name == DIGITS:
        near, pixels = digits_graph(10, noise=noise, seed=derive(0, "noise"))
        assert near.labels is not None
        return checked_graph(near.adjacency), pixels, near.labels
    data = planetoid(name)
    adjacency = checked_graph(data).adjacency()
    _, component = connected_components(adjacency, directed=False)
    kept = np.flatnonzero(component == np.bincount(component).argmax())
    return checked_graph(adjacency[kept][:, kept]), data.x.numpy()[kept], data.y.numpy()[kept]


def planted(nodes: int, seed: int, size: int = 100, degree: int = 10) -> tuple[CheckedGraph, np.ndarray]:
    """A graph, and a cluster in it wherever in its numbers: the same one for every number of nodes.

    It has the same edges inside, as many that leave from each member. Members have about half their edges inside. The
    others are joined at random, ``degree`` edges a node.
    """
    own = np.random.default_rng(derive(seed, "cluster"))
    inner = np.stack(np.triu_indices(size, 1))
    inner = inner[:, own.random(inner.shape[1]) < 0.5 * degree / (size - 1)]
    rest = np.random.default_rng(derive(seed, "rest", nodes))
    out = rest.integers(size, nodes, size * degree // 2)
    ends = rest.integers(size, nodes, (2, (nodes - size) * degree // 2))
    leaving = np.stack([np.repeat(np.arange(size), degree // 2), out])
    place = rest.permutation(nodes)
    edges = place[np.concatenate([inner, leaving, ends], axis=1)]
    edges = edges[:, edges[0] != edges[1]]
    both = np.concatenate([edges, edges[::-1]], axis=1)
    matrix = sparse.csr_array(sparse.coo_array((np.ones(both.shape[1]), tuple(both)), (nodes, nodes)))
    return checked_graph(matrix), place[:size]


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Over random graphs for block models, over the classes of a real graph (of which there is one), over clusters."""
    for (inside, outside), own in tables["accuracy"].groupby(["inside", "outside"]):
        table = own.groupby("seed")[[LFD, FD, LABELS, PAGERANK]].mean()
        name, beside = f"labels correct for {inside:g} inside, {outside:g} outside", table.mean().to_dict()
        if min(inside, outside) >= GOOD:
            better = max((FD, LABELS), key=lambda way: table[way].mean())
            more = paired_difference(table[LFD], table[better])
            yield "noisy-label-clustering-1", gain(name, more, MARGIN, unit="graphs", beside=beside)
        elif max(inside, outside) <= CHANCE:
            less = paired_difference(table[LFD], table[FD])
            yield "noisy-label-clustering-1", below(name, less, unit="graphs", beside=beside)

    table = by_class(tables, DIGITS)
    for name, more, beside in _gains(table):
        yield "noisy-label-clustering-2", gain(name, more, REAL_MARGIN, unit="classes", beside=beside)
    behind = int((table[LFD] < table[FD]).sum())
    name = "classes in which labels fall behind the graph alone"
    yield "noisy-label-clustering-2", exact(name, behind, 0.4 * len(table))

    others = {graph: by_class(tables, graph) for graph in config.real if graph != DIGITS}
    missing = [graph for graph, own in others.items() if own.empty]
    for graph, own in others.items():
        for name, more, beside in _gains(own) if len(own) else ():
            yield "noisy-label-clustering-3", above(f"{graph}: {name}", more, unit="classes", beside=beside)
    if missing or not others:
        why = f"not on this machine: {', '.join(missing)}" if missing else "no network of citations was asked for"
        yield "noisy-label-clustering-3", open_part("other networks", why=why)

    times, touched = (tables.wide("size", columns="nodes", values=values) for values in ("value", "touched"))
    ratios = mean_interval(times.max(axis=1) / times.min(axis=1))
    beside = {f"ms at {nodes} nodes": value for nodes, value in times.mean().items()}
    yield "noisy-label-clustering-4", below("slowest size over fastest", ratios, 2.0, unit="clusters", beside=beside)
    slopes = mean_interval([exponent(list(touched), own) for own in touched.to_numpy().tolist()])
    yield "noisy-label-clustering-4", below("slope of entries read", slopes, 0.1, unit="clusters")
    share = float(tables["size"]["share of bound"].max())
    yield "noisy-label-clustering-4", exact("entries read, largest share of the bound", share, 1.0)

    found = tables.wide("eps", columns="eps")
    judged = found[[weight for weight in found if JUDGED[0] <= weight <= JUDGED[1]]]
    means = judged.mean()
    spread = paired_difference(judged[means.idxmax()], judged[means.idxmin()])
    beside = {f"F1 at weight {weight:g}": value for weight, value in found.mean().items()}
    name = "best less worst mean F1 over the weights"
    yield "noisy-label-clustering-5", below(name, spread, MARGIN, unit="graphs", beside=beside)


def _gains(table: pd.DataFrame) -> Iterator[tuple[str, Any, Row]]:
    """The gains over the graph and over the labels, each with what it is beside once the spreading has settled."""
    shown: Row = {way: table[way].mean() for way in WAYS} | {"labels correct inside": table["correct inside"].mean()}
    for other, settled, means in ((FD, FD + SETTLED, shown), (LABELS, LABELS, {})):
        later = paired_difference(table[LFD + SETTLED], table[settled])
        yield f"gain over {other}", paired_difference(table[LFD], table[other]), {**means, f"the same{SETTLED}": later}


def by_class(tables: Tables, graph: str) -> pd.DataFrame:
    """Means over the draws, a row a class of one real graph."""
    return tables.rows("real", graph=graph).groupby("class").mean(numeric_only=True)


COLORS = dict(zip(WAYS, PALETTE, strict=False))
LONG = {PAGERANK: "labels and graph, PageRank", ATTRIBUTES: "graph weighted by attributes"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """F1 by the labels' accuracy, by class of the digits, in networks of citations, by eps; and the cost by size."""
    known = {graph: by_class(tables, graph) for graph in tables["real"]["graph"].unique()}
    drawn = {"accuracy": _accuracy(tables), "classes": _classes(known[DIGITS]), "eps": _eps(tables)}
    if len(known) > 1:
        drawn["graphs"] = panels(known, _graph, width=3.2, height=2.7, sharey=True, columns=len(known))
    return drawn | {"local": _local(tables)}


def _accuracy(tables: Tables) -> Figure:
    drawn, ax = figure(6.2, 3.4)
    table = tables["accuracy"].sort_values(["inside", "outside"])
    names = [f"{inside:g}\n{outside:g}" for inside, outside in zip(table["inside"], table["outside"], strict=True)]
    table = table.assign(right=names)
    order = table.groupby("right")[LABELS].mean().sort_values().index
    ways = table.melt(["seed", "right"], [LFD, FD, LABELS, PAGERANK], "way")
    places = {right: place for place, right in enumerate(order)}
    lines(ax, ways, x="right", by="way", places=places, colors=COLORS, labels=LONG)
    ax.set(ylim=(0, 1), ylabel="F1 of the planted cluster")
    ax.set_xlabel("share of right labels: inside the cluster (above), outside (below)")
    ax.legend(loc="upper left")
    return drawn


def _classes(table: pd.DataFrame) -> Figure:
    drawn, ax = figure(7.0, 3.2)
    ways = table.reset_index().astype({"class": int}).melt("class", [LFD, FD, LABELS], "way")
    bars(ax, ways, by="class", beside="way", over="class", colors=COLORS)
    ax.set(ylim=(0, 1.02), xlabel="digit whose images are the cluster", ylabel="F1 of the class")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    return drawn


def _graph(ax: Axes, table: pd.DataFrame) -> None:
    found = {LONG.get(way, way): mean_interval(table[way]) for way in WAYS}
    intervals(ax, found, mark=None)
    ax.set(xlim=(0, 1), xlabel="mean F1 over classes")


def _eps(tables: Tables) -> Figure:
    drawn, ax = figure(5.2, 3.0)
    weights = sorted(tables["eps"]["eps"].unique())
    # Zero has no place on a logarithmic axis: it gets one to the left.
    lines(ax, tables["eps"], x="eps", places={weight: place for place, weight in enumerate(weights)})
    ax.set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
    judged = [place for place, weight in enumerate(weights) if JUDGED[0] <= weight <= JUDGED[1]]
    ax.axvspan(min(judged) - 0.3, max(judged) + 0.3, color=INK, alpha=0.12, linewidth=0)
    ax.text(float(np.mean(judged)), 0.04, "judged", ha="center", color=INK)
    ax.set(ylim=(0, 1), xlabel="weight of edges between different labels", ylabel="F1 of the planted cluster")
    return drawn


def _local(tables: Tables) -> Figure:
    drawn, ((time, read),) = figure_grid(1, 2, 7.6, 3.0)
    table = tables["size"]
    whole = table.groupby("nodes")["edges"].mean()
    for ax, column, label in ((time, "value", "milliseconds for the whole scan"), (read, "touched", "entries read")):
        for turn, (_, own) in enumerate(table.groupby("seed")):
            named = None if turn else "around one cluster, mean over seeds"
            ax.plot(own["edges"], own[column], "o-", color=PALETTE[0], alpha=0.8, label=named)
        ax.set(xscale="log", xlabel="edges of the graph", ylabel=label)
    read.plot(whole, 2 * whole, color=INK, linestyle=":", linewidth=1.2, label="all that the graph has")
    time.set_ylim(0, 1.3 * table["value"].max())
    read.set(yscale="log", ylim=(0.3 * table["touched"].min(), 6 * whole.max()))
    for ax in (time, read):
        ax.legend(loc="upper left")
    return drawn


STUDY = Study(
    paper="noisy-label-clustering",
    presets={
        "smoke": Config(
            seeds=3,
            blocks=Blocks(count=4, size=25, inside=0.3, outside=0.03),
            starts=2,
            accuracies=((0.5, 0.5), (0.9, 0.9)),
            eps=(0.01, 0.1, 1.0),
            draws=1,
            clusters=3,
            members=2,
            scan=Scan(step=1.5, passes=10),
            real=(DIGITS,),
            sizes=(500, 1_000, 2_000),
            rounds=2,
        ),
        "laptop": Config(),
        "paper": Config(
            blocks=Blocks(count=20, size=500, inside=0.05, outside=0.005),
            starts=20,
            members=100,
            draws=100,
            scan=Scan(step=0.25),
            real=(DIGITS, "cora", "citeseer", "pubmed"),
        ),
    },
    plan=plan,
    measures=(accuracy, eps, real, size),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce noisy-label-clustering``."""
