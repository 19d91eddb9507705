"""The graphs of the graphlet-orbits study: random ones, small real ones, and four whose nodes have labels."""

from __future__ import annotations

import os
from pathlib import Path

import networkx as nx
import numpy as np
from scipy import sparse

from netopsy.core.errors import lookup
from netopsy.data.graphs import GRAPHS, Graph, graph
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, planetoid
from netopsy.graphs.adjacency import as_adjacency

FIXED = ("karate", "digits", *PLANETOID)
"""Graphs with labels that are the same for every seed."""
MADE = ("roles", "blocks")
"""Graphs with labels that are drawn anew for every seed."""


def random_graph(family: str, number: int, smallest: int = 40, largest: int = 120) -> nx.Graph:
    """One of three families, with a size and a density of its own."""
    random = np.random.default_rng([number, len(family)])
    n = int(random.integers(smallest, largest + 1))
    makers = {
        "uniform": lambda: nx.gnp_random_graph(n, float(random.uniform(0.06, 0.3)), seed=number),
        "preferential": lambda: nx.barabasi_albert_graph(n, int(random.integers(2, 7)), seed=number),
        "small world": lambda: nx.watts_strogatz_graph(
            n, 2 * int(random.integers(2, 6)), float(random.uniform(0.05, 0.5)), seed=number
        ),
    }
    return lookup("family", family, makers)()


def real_networks() -> dict[str, Graph]:
    """The networks of the link-prediction literature where ``NETOPSY_DATA`` has them, else those of networkx."""
    from netopsy.data.graph_files import read_graph

    folder = os.environ.get("NETOPSY_DATA")
    files = sorted(Path(folder, "networks").glob("*.mat")) if folder else []
    return {file.stem: read_graph(file) for file in files} or {name: graph(name) for name in GRAPHS}


def labelled(name: str, seed: int) -> Graph:
    """A graph with a label at every node: the karate club, the digits, a citation network, roles or blocks."""
    if name == "digits":
        return digits_graph(5)[0]
    if name in PLANETOID:
        data = planetoid(name)
        return Graph(as_adjacency(data), name, labels=data.y.numpy())
    if name == "karate":
        return graph(name)
    return roles(seed) if name == "roles" else blocks(seed)


def roles(seed: int, cycle: int = 60, shapes: int = 30) -> Graph:
    """A cycle with houses, stars and cliques hung on it; the label of a node is its role, wherever it is.

    Roles: on the cycle with a shape and without one; a house's roof, shoulders and base; a star's centre and leaves;
    a clique's nodes.
    """
    random = np.random.default_rng(seed)
    network = nx.cycle_graph(cycle)
    labels = [0] * cycle
    kinds = random.permutation(np.arange(shapes) % 3)
    for place, kind in zip(random.choice(cycle, shapes, replace=False).tolist(), kinds.tolist(), strict=True):
        first = len(labels)
        if kind == 0:
            ring = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4)]
            labels += [2, 2, 3, 3, 4]
            hook = first + 2
        elif kind == 1:
            ring = [(0, leaf) for leaf in range(1, 5)]
            labels += [5, 6, 6, 6, 6]
            hook = first
        else:
            ring = [(a, b) for a in range(5) for b in range(a)]
            labels += [7] * 5
            hook = first
        network.add_edges_from((first + a, first + b) for a, b in ring)
        network.add_edge(place, hook)
        labels[place] = 1
    return _graph(network, "roles", np.array(labels))


def blocks(seed: int, nodes: int = 300, groups: int = 4, inside: float = 0.8, degree: float = 8.0) -> Graph:
    """Groups of equal size whose nodes have degrees of their own: a degree-corrected stochastic block model."""
    random = np.random.default_rng(seed)
    labels = np.arange(nodes) % groups
    weight = random.pareto(2.5, nodes) + 1
    weight /= weight.mean()
    same = labels[:, None] == labels
    share = np.where(same, inside * groups, (1 - inside) * groups / (groups - 1))
    chance = np.minimum(1, degree / nodes * share * np.outer(weight, weight))
    upper = np.triu(random.random((nodes, nodes)) < chance, 1)
    network = nx.from_numpy_array(upper | upper.T)
    for node in [node for node, degree in network.degree if degree == 0]:
        network.add_edge(node, int(random.choice(np.flatnonzero(same[node] & (np.arange(nodes) != node)))))
    return _graph(network, "blocks", labels)


def _graph(network: nx.Graph, name: str, labels: np.ndarray) -> Graph:
    adjacency = nx.to_scipy_sparse_array(network, nodelist=range(len(labels)), weight=None, dtype=float)
    return Graph(sparse.csr_array(adjacency), name, labels=labels.astype(np.int64))
