"""Graphs and samples of data that are offered for sale, and those of a buyer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice

import networkx as nx
import numpy as np
from scipy.sparse.csgraph import connected_components

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive
from netopsy.data.graphs import graph as real_graph
from netopsy.data.neighbour_graphs import digits_graph, neighbour_graph
from netopsy.data.planetoid import PLANETOID, planetoid

DIGITS, RANDOM = "digits", "random"


SAME, OTHER, ALL, SHUFFLED, SCALED = "same classes", "other classes", "all classes", "columns shuffled", "times three"


HALF, NOISY, REWIRED = "half the same", "noisy", "edges rewired"


NEIGHBOURS, IMAGES = 3, 60
"""That each node is joined to; digits in the graph of them that is rewired."""


PER_PARTY, CLASSES = 150, 3
"""Nodes that a buyer or seller has, and of how many classes."""


Random = np.random.Generator


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
