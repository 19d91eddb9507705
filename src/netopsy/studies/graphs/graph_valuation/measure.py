"""What the graph-valuation study measures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import networkx as nx
import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive
from netopsy.data.graphs import graph as real_graph
from netopsy.data.neighbour_graphs import digits_graph, neighbour_graph
from netopsy.data.planetoid import PLANETOID, planetoid, without_fetching
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
from netopsy.studies.graphs.graph_valuation.plan import (
    ALL,
    CHANGED,
    COPY,
    DIGITS,
    FIVE,
    HALF,
    NOISY,
    OTHER,
    PERMUTED,
    RANDOM,
    REWIRED,
    SAME,
    SCALED,
    SHUFFLED,
    Config,
)

Row = dict[str, Any]
NEIGHBOURS, IMAGES = 3, 60
"""That each node is joined to; digits in the graph of them that is rewired."""
PER_PARTY, CLASSES = 150, 3
"""Nodes that a buyer or seller has, and of how many classes."""
CHOOSE = 5
"""One in so many of the seller's nodes chooses the epoch; the others train."""
Random = np.random.Generator


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


@dataclass(frozen=True, eq=False)
class Sample:
    """Nodes with features and classes."""

    features: np.ndarray
    classes: np.ndarray
    share: float = 0.0
    """Of the edges between nearest neighbours that are replaced by others."""
    seed: int = 0

    def graph(self) -> np.ndarray:
        """Each node joined to its nearest neighbours, but for that share."""
        near = neighbour_graph(self.features, NEIGHBOURS).adjacency.toarray()
        return rewired(near, self.share, np.random.default_rng(self.seed))

    def take(self, chosen: np.ndarray) -> Sample:
        """Some of the nodes."""
        return Sample(self.features[chosen], self.classes[chosen])


def labelled(name: str) -> Sample:
    """All nodes of a data set: the digits' pixels, from 0 to 1, or the words of a citation network's articles."""
    if name == DIGITS:
        found, pixels = digits_graph()
        assert found.labels is not None
        return Sample(pixels / 16, found.labels)
    lookup("data set", name, {known: known for known in PLANETOID})
    data = planetoid(name)
    return Sample(data.x.double().numpy(), data.y.numpy())


def buyers_graph(name: str, seed: int) -> np.ndarray:
    """Random, of digits, or a real one by name, as a dense matrix; the first two are drawn."""
    if name == DIGITS:
        return digits_sample(seed).graph()
    if name != RANDOM:
        return real_graph(name).adjacency.toarray()
    drawn = (nx.to_numpy_array(nx.gnp_random_graph(40, 0.2, seed=derive(seed, name, turn))) for turn in count())
    return next(filter(_connected, drawn))


def digits_sample(seed: int) -> Sample:
    """Some of the digits, drawn at random, so that their graph is connected."""
    whole = labelled(DIGITS)
    orders = (np.random.default_rng(derive(seed, DIGITS, turn)).permutation(len(whole.classes)) for turn in count())
    samples = (whole.take(order[:IMAGES]) for order in orders)
    return next(sample for sample in samples if _connected(sample.graph()))


def parties(whole: Sample, start: int, random: Random) -> tuple[Sample, dict[str, Sample]]:
    """A buyer with three classes, from ``start`` on around the circle, and the eight sellers; the buyer shares no node.

    The classes of the one that has others are the next three of the circle.
    """
    number = int(whole.classes.max()) + 1
    order = random.permutation(len(whole.classes))
    first, following = (np.arange(begin, begin + CLASSES) % number for begin in (start, start + CLASSES))
    own, others = (order[np.isin(whole.classes[order], circle)] for circle in (first, following))
    buyer, kept, others = own[:PER_PARTY], own[PER_PARTY : 2 * PER_PARTY], others[:PER_PARTY]
    # The buyer has the first of its classes in this order, so another one is needed.
    every = random.permutation(order[~np.isin(order, buyer)])[:PER_PARTY]
    same = whole.take(kept)
    columns = random.permutation(same.features.shape[1])
    noise = random.normal(size=same.features.shape) * same.features.std()
    return whole.take(buyer), {
        SAME: same,
        OTHER: whole.take(others),
        ALL: whole.take(every),
        SHUFFLED: Sample(same.features[:, columns], same.classes),
        SCALED: Sample(3 * same.features, same.classes),
        HALF: whole.take(np.r_[kept[: PER_PARTY // 2], others[: PER_PARTY // 2]]),
        NOISY: Sample(same.features + noise, same.classes),
        REWIRED: Sample(same.features, same.classes, 0.4, int(random.integers(2**31))),
    }


def rewired(adjacency: np.ndarray, fraction: float, random: Random) -> np.ndarray:
    """A connected graph with this share of its edges replaced by edges between nodes that had none, still connected.

    Graphs of unequal numbers of components are far from each other for that reason alone. So where an edge was the only
    one between two parts, what replaces it joins the two again.
    """
    found = adjacency.copy()
    ends = np.argwhere(np.triu(adjacency, 1))
    for first, second in random.permutation(ends)[: round(fraction * len(ends))]:
        free = np.triu((adjacency + found) == 0, 1)
        found[first, second] = found[second, first] = 0
        parts, part = connected_components(found, directed=False)
        if parts > 1:
            free &= part[:, None] != part
        choices = np.argwhere(free)
        one, other = choices[random.integers(len(choices))] if len(choices) else (first, second)
        found[one, other] = found[other, one] = 1
    return found


def asymmetric(adjacency: np.ndarray) -> bool:
    """Whether no renumbering but the trivial one leaves the graph as it is."""
    network: nx.Graph = nx.from_numpy_array(adjacency)
    same = nx.isomorphism.GraphMatcher(network, network).isomorphisms_iter()
    return len(list(islice(same, 2))) == 1


def _connected(adjacency: np.ndarray) -> bool:
    return bool(connected_components(adjacency, directed=False)[0] == 1)


def _ordered(adjacency: np.ndarray, order: np.ndarray) -> np.ndarray:
    return adjacency[order][:, order]
