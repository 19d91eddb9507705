"""The graphs of the noisy-label-clustering study: block models, planted clusters, digits and citations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netopsy.core.seeds import derive
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, local_planetoid, planetoid
from netopsy.graphs.noisy_label_clustering import CheckedGraph, checked_graph

DIGITS = "digits"


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
    def nodes(self) -> int:
        return self.count * self.size

    def graph(self, seed: int) -> CheckedGraph:
        """One graph of the model."""
        import networkx as nx

        between = np.full((self.count, self.count), self.outside)
        np.fill_diagonal(between, self.inside)
        drawn = nx.stochastic_block_model([self.size] * self.count, between.tolist(), seed=derive(seed, "blocks"))
        return checked_graph(drawn)


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
