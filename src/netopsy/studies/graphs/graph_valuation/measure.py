"""What the graph-valuation study measures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx
import numpy as np
import torch
from scipy import sparse

from netopsy.core.seeds import derive
from netopsy.data.planetoid import without_fetching
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
from netopsy.lab.costs import growth as cost_growth
from netopsy.lab.subjects.parties import (
    DIGITS,
    PER_PARTY,
    Random,
    Sample,
    asymmetric,
    buyers_graph,
    digits_sample,
    labelled,
    parties,
    rewired,
)
from netopsy.studies.graphs.graph_valuation.plan import CHANGED, COPY, FIVE, PERMUTED, Config

Row = dict[str, Any]
CHOOSE = 5
"""One in so many of the seller's nodes chooses the epoch; the others train."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each graph and seed, each data set and draw, each run; one for the cost."""
    for seed in range(config.seeds):
        for graph in config.graphs:
            yield Cell.of(structure, graph=graph, seed=seed, fractions=config.fractions)
    for name in without_fetching(config.sets):
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
    own, random = buyers_graph(graph, seed), np.random.default_rng(derive(seed, graph, "copies"))
    for fraction in fractions:
        changed = rewired(own, fraction, random)
        copy = _ordered(changed, random.permutation(len(own)))
        yield {
            "fraction": fraction,
            "aligned": structural_disparity(own, copy, seed=seed),
            "unaligned": graph_wasserstein(laplacian(own), laplacian(copy)),
            "direct": structural_disparity(own, copy, blind=False, seed=seed),
            "asymmetric": asymmetric(own),
        }


def relevance(data: str, seed: int) -> Rows:
    """R and D of the five sellers, for buyers of every three neighbouring classes."""
    whole = labelled(data)
    for start in range(int(whole.classes.max()) + 1):
        buyer, offers = parties(whole, start, np.random.default_rng(derive(seed, data, start)))
        for name in FIVE:
            found = diversity_relevance(buyer.features, offers[name].features)
            values = {"relevance": found.relevance, "diversity": found.diversity}
            yield {"start": start, "seller": name, **values, "mean relevance": found.mean_relevance}


def disentangled(seed: int, copies: int, fraction: float) -> Rows:
    """S, R and D of renumbered copies of digits, of the same with edges rewired, and with feature columns permuted."""
    random = np.random.default_rng(derive(seed, "copies"))
    sample = digits_sample(derive(seed, "owner"))
    own, sellers = sample.graph(), []
    for number in range(copies):
        order = random.permutation(len(own))
        features = sample.features[order]
        columns = random.permutation(features.shape[1])
        copy, changed = (_ordered(matrix, order) for matrix in (own, rewired(own, fraction, random)))
        permuted = features[:, columns]
        for change, offer in ((COPY, (copy, features)), (CHANGED, (changed, features)), (PERMUTED, (copy, permuted))):
            sellers.append(({"copy": number, "change": change}, offer))
    values = GraphValuation(len(own), seed=seed).value((own, sample.features), [offer for _, offer in sellers])
    for (at, _), value in zip(sellers, values, strict=True):
        yield {**at, "disparity": value.disparity, "relevance": value.relevance, "diversity": value.diversity}


def useful(seed: int, starts: tuple[int, ...], epochs: int) -> Rows:
    """Values of the eight sellers, and the accuracy on the buyer's of a network that learned from their nodes."""
    whole = labelled(DIGITS)
    for start in starts:
        random = np.random.default_rng(derive(seed, "useful", start))
        buyer, offers = parties(whole, start, random)
        graphs, own = {name: offer.graph() for name, offer in offers.items()}, buyer.graph()
        sellers = [(graphs[name], offer.features) for name, offer in offers.items()]
        values = GraphValuation(PER_PARTY, seed=seed).value((own, buyer.features), sellers)
        guessing = np.bincount(buyer.classes).max() / PER_PARTY
        for (name, offer), value in zip(offers.items(), values, strict=True):
            both = sparse.block_diag([sparse.csr_array(own), sparse.csr_array(graphs[name])])
            edges = edge_index_of(sparse.csr_array(both))
            gain = _accuracy(buyer, offer, edges, random, epochs, seed) - guessing
            at = {"start": start, "seller": name}
            yield {**at, "relevance": value.relevance, "disparity": value.disparity, "gain": gain}


def _accuracy(buyer: Sample, offer: Sample, edges: torch.Tensor, random: Random, epochs: int, seed: int) -> float:
    """On the buyer's nodes, of a network that was shown labels of the seller's alone."""
    x = torch.from_numpy(np.concatenate([buyer.features, offer.features])).float()
    labels = torch.from_numpy(np.concatenate([buyer.classes, offer.classes]))
    order = random.permutation(len(offer.classes)) + len(buyer.classes)
    chosen, trained = np.split(order, [len(order) // CHOOSE])
    parts = {"train": trained, "validation": chosen, "test": np.arange(len(buyer.classes))}
    masks: Row = {name: torch.from_numpy(np.isin(np.arange(len(labels)), own)) for name, own in parts.items()}
    model = GCN(x.shape[1], 32, int(labels.max()) + 1, seed=seed)
    recipe = NodeRecipe(epochs=epochs)
    return train_node_classifier(model, x, edges, labels, **masks, recipe=recipe, seed=seed).test


def estimates(seed: int, nodes: int, counts: tuple[int, ...]) -> Rows:
    """S of two graphs of hubs from few random signals, and from few of the smoothest directions, over the exact S."""
    own: Any = nx.to_numpy_array(nx.barabasi_albert_graph(nodes, 5, seed=derive(seed, "hubs")))
    other = rewired(own, 0.1, np.random.default_rng(derive(seed, "change")))
    first, second = laplacian(own), laplacian(other)
    exactly = graph_wasserstein(first, second)
    same = lambda A, proxy: np.arange(len(A))  # noqa: E731 - both have one numbering already
    for number in counts:
        found = GraphValuation(nodes, seed=derive(seed, number), matcher=same, signals=number).value(own, [other])[0]
        error = found.disparity_error / exactly
        yield {"count": number, "way": "signals", "ratio": found.disparity / exactly, "error": error}
        few = graph_wasserstein(first, second, rank=number)
        yield {"count": number, "way": "directions", "ratio": few / exactly, "error": float("nan")}


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

    return cost_growth(steps, sizes, name="nodes", rounds=rounds)


def _ordered(adjacency: np.ndarray, order: np.ndarray) -> np.ndarray:
    return adjacency[order][:, order]
