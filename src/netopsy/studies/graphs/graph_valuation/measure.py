"""What the graph-valuation study measures: disparity of rewired copies, relevance of sellers, gains and cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx
import numpy as np
import torch
from scipy import sparse, stats

from netopsy.core.seeds import derive
from netopsy.graphs.adjacency import edge_index_of
from netopsy.graphs.graph_valuation import (
    GraphValuation,
    align_to_proxy,
    diversity_relevance,
    graph_wasserstein,
    laplacian,
    proxy_graph,
    smooth_root,
    structural_disparity,
)
from netopsy.graphs.networks import GCN
from netopsy.graphs.node_classification import NodeRecipe, train_node_classifier
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import growth
from netopsy.studies.graphs.graph_valuation.data import (
    Sample,
    asymmetric,
    buyers_graph,
    digits_sample,
    known_sets,
    labelled,
    rewired,
)
from netopsy.studies.graphs.graph_valuation.plan import DIGITS, EIGHT, FIVE, Config
from netopsy.studies.graphs.graph_valuation.sellers import PER_PARTY, parties

Row = dict[str, Any]
CHOOSE = 5
"""One in so many of the seller's nodes chooses the epoch; the others train."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each graph and seed, each data set and draw, each run; one for the cost."""
    for seed in range(config.seeds):
        for graph in config.graphs:
            yield Cell.of(structure, graph=graph, seed=seed, fractions=config.fractions)
    for name in known_sets(config.sets):
        for seed in range(config.draws):
            yield Cell.of(relevance, data=name, seed=seed)
    for seed in range(config.runs):
        yield Cell.of(disentangled, seed=seed, copies=config.copies, fraction=config.rewired)
        yield Cell.of(useful, seed=seed, starts=config.starts, epochs=config.epochs)
    for seed in range(3):
        yield Cell.of(estimates, seed=seed, nodes=config.hubs, counts=config.counts)
    yield Cell.of(cost, sizes=config.sizes, rounds=config.rounds)


def structure(graph: str, seed: int, fractions: tuple[float, ...]) -> Rows:
    """S between a graph and renumbered copies with more and more edges rewired, aligned in three ways."""
    own = buyers_graph(graph, seed)
    random = np.random.default_rng(derive(seed, graph, "copies"))
    rows = []
    for fraction in fractions:
        copy = _renumbered(rewired(own, fraction, random), random)
        rows.append(
            {
                "fraction": fraction,
                "aligned": structural_disparity(own, copy, seed=seed),
                "unaligned": graph_wasserstein(laplacian(own), laplacian(copy)),
                "direct": structural_disparity(own, copy, blind=False, seed=seed),
                "asymmetric": asymmetric(own),
            }
        )
    return rows


def relevance(data: str, seed: int) -> Rows:
    """R and D of the five sellers, for buyers of every three neighbouring classes."""
    whole = labelled(data)
    rows = []
    for start in range(int(whole.classes.max()) + 1):
        buyer, offers = parties(whole, start, np.random.default_rng(derive(seed, data, start)))
        for name in FIVE:
            found = diversity_relevance(buyer.features, offers[name].sample.features)
            values = {
                "relevance": found.relevance,
                "diversity": found.diversity,
                "mean relevance": found.mean_relevance,
            }
            rows.append({"start": start, "seller": name, **values})
    return rows


def disentangled(seed: int, copies: int, fraction: float) -> Rows:
    """S, R and D of renumbered copies of digits, of the same with edges rewired, and with feature columns permuted."""
    random = np.random.default_rng(derive(seed, "copies"))
    sample = digits_sample(derive(seed, "owner"))
    own = sample.graph().toarray()
    sellers = []
    for _ in range(copies):
        order = random.permutation(len(own))
        features = sample.features[order]
        columns = random.permutation(features.shape[1])
        copy, changed = (_ordered(matrix, order) for matrix in (own, rewired(own, fraction, random)))
        sellers += [(copy, features), (changed, features), (copy, features[:, columns])]
    values = GraphValuation(len(own), seed=seed).value((own, sample.features), sellers)
    names = ("copy", "rewired", "permuted")
    return [
        {
            "copy": number // len(names),
            "change": names[number % len(names)],
            "disparity": value.disparity,
            "relevance": value.relevance,
            "diversity": value.diversity,
        }
        for number, value in enumerate(values)
    ]


def useful(seed: int, starts: tuple[int, ...], epochs: int) -> Rows:
    """Values of the eight sellers, and the accuracy on the buyer's of a network that learned from their nodes."""
    whole = labelled(DIGITS)
    rows = []
    for start in starts:
        random = np.random.default_rng(derive(seed, "useful", start))
        buyer, offers = parties(whole, start, random)
        market = GraphValuation(PER_PARTY, seed=seed)
        graphs = {name: offers[name].graph() for name in EIGHT}
        values = market.value(
            (buyer.graph(), buyer.features), [(graphs[name], offers[name].sample.features) for name in EIGHT]
        )
        for name, value in zip(EIGHT, values, strict=True):
            gain = (
                _accuracy(buyer, offers[name].sample, graphs[name], random, epochs, seed)
                - np.bincount(buyer.classes).max() / PER_PARTY
            )
            numbers = {"relevance": value.relevance, "disparity": value.disparity, "gain": gain}
            rows.append({"start": start, "seller": name, **numbers})
    return rows


def estimates(seed: int, nodes: int, counts: tuple[int, ...]) -> Rows:
    """S of two graphs of hubs from few random signals, and from few of the smoothest directions, over the exact S."""
    own: Any = nx.to_numpy_array(nx.barabasi_albert_graph(nodes, 5, seed=derive(seed, "hubs")))
    other = rewired(own, 0.1, np.random.default_rng(derive(seed, "change")))
    first, second = laplacian(own), laplacian(other)
    exact = graph_wasserstein(first, second)
    same = lambda A, proxy: np.arange(len(A))  # noqa: E731 - both have one numbering already
    rows = []
    for count in counts:
        found = GraphValuation(nodes, seed=derive(seed, count), matcher=same, signals=count).value(own, [other])[0]
        few = graph_wasserstein(first, second, rank=count)
        common = {"count": count}
        rows.append(
            {**common, "way": "signals", "ratio": found.disparity / exact, "error": found.disparity_error / exact}
        )
        rows.append({**common, "way": "directions", "ratio": few / exact, "error": float("nan")})
    return rows


def cost(sizes: tuple[int, ...], rounds: int) -> Rows:
    """Milliseconds of the three steps for graphs of growing size."""

    def steps(nodes: int) -> dict[str, Any]:
        pair = [nx.to_scipy_sparse_array(nx.barabasi_albert_graph(nodes, 5, seed=seed), dtype=float) for seed in (0, 1)]
        proxy = proxy_graph(nodes)
        first, second = (laplacian(sparse.csr_array(graph)) for graph in pair)
        a, b = (smooth_root(matrix).factor for matrix in (first, second))
        return {
            "alignment": lambda: align_to_proxy(pair[0], proxy),
            "root": lambda: smooth_root(first),
            "distance": lambda: np.linalg.svd(a.T @ b, compute_uv=False),
        }

    return growth(steps, sizes, name="nodes", rounds=rounds)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's; 0 where one of the two does not vary."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(stats.spearmanr(first, second).statistic)


def _renumbered(adjacency: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return _ordered(adjacency, random.permutation(len(adjacency)))


def _ordered(adjacency: np.ndarray, order: np.ndarray) -> np.ndarray:
    return adjacency[order][:, order]


def _accuracy(
    buyer: Sample, offer: Sample, graph: np.ndarray, random: np.random.Generator, epochs: int, seed: int
) -> float:
    """On the buyer's nodes, of a network that was shown labels of the seller's alone."""
    samples = (buyer, offer)
    edges = edge_index_of(sparse.csr_array(sparse.block_diag([buyer.graph(), sparse.csr_array(graph)])))
    x = torch.from_numpy(np.concatenate([sample.features for sample in samples])).float()
    labels = torch.from_numpy(np.concatenate([sample.classes for sample in samples]))
    order = random.permutation(len(offer.classes)) + len(buyer.classes)
    parts = np.split(order, [len(order) // CHOOSE])
    validation, train, test = (_mask(each, len(labels)) for each in (*parts, np.arange(len(buyer.classes))))
    model = GCN(x.shape[1], 32, int(labels.max()) + 1, seed=seed)
    recipe = NodeRecipe(epochs=epochs)
    return train_node_classifier(
        model, x, edges, labels, train=train, validation=validation, test=test, recipe=recipe, seed=seed
    ).test


def _mask(chosen: np.ndarray, nodes: int) -> torch.Tensor:
    mask = torch.zeros(nodes, dtype=torch.bool)
    mask[torch.from_numpy(chosen)] = True
    return mask
