"""Graphs with a cluster to find, and labels that say with mistakes where it is."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from netopsy.core.seeds import derive
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import planetoid
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
    def truth(self) -> np.ndarray:
        """Which of the nodes are in the first."""
        return np.arange(self.count * self.size) < self.size


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
