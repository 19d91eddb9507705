"""What is bought and sold in the graph-valuation study: small graphs, and features whose classes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive
from netopsy.data.graphs import graph
from netopsy.data.neighbour_graphs import digits_graph, neighbour_graph
from netopsy.data.planetoid import PLANETOID, local_planetoid, planetoid
from netopsy.studies.graphs.graph_valuation.plan import DIGITS

RANDOM = "random"
KARATE, MISERABLES = "karate", "les_miserables"
NEIGHBOURS = 3
IMAGES = 60
"""Digits in the neighbour graph that is rewired."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Nodes with features and classes, each joined to its nearest neighbours."""

    features: np.ndarray
    classes: np.ndarray

    def graph(self) -> sparse.csr_array:
        """The three nearest of each."""
        return neighbour_graph(self.features, NEIGHBOURS).adjacency

    def take(self, chosen: np.ndarray) -> Sample:
        """Some of the nodes."""
        return Sample(self.features[chosen], self.classes[chosen])


def known_sets(wanted: Sequence[str]) -> tuple[str, ...]:
    """Those that need not be fetched."""
    here = local_planetoid()
    return tuple(name for name in wanted if name == DIGITS or name in here)


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
    """One of `GRAPHS` as a dense matrix; the last two are drawn."""
    if name in (KARATE, MISERABLES):
        return graph(name).adjacency.toarray()
    if name == DIGITS:
        return digits_sample(seed).graph().toarray()
    drawn = (nx.to_numpy_array(nx.gnp_random_graph(40, 0.2, seed=derive(seed, name, turn))) for turn in count())
    return next(filter(_connected, drawn))


def digits_sample(seed: int) -> Sample:
    """Some of the digits, drawn at random, so that their graph is connected."""
    whole = labelled(DIGITS)
    orders = (np.random.default_rng(derive(seed, DIGITS, turn)).permutation(len(whole.classes)) for turn in count())
    samples = (whole.take(order[:IMAGES]) for order in orders)
    return next(sample for sample in samples if _connected(sample.graph()))


def rewired(adjacency: np.ndarray, fraction: float, random: np.random.Generator) -> np.ndarray:
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


def _connected(adjacency: Any) -> bool:
    return bool(connected_components(adjacency, directed=False)[0] == 1)
