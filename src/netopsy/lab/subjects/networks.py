"""Real networks by name, random ones of three families, and graphs whose nodes have features or labels."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
from jaxtyping import Int
from scipy import sparse
from torch import Tensor

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive, generator
from netopsy.data.graph_files import local_networks, read_graph
from netopsy.data.graphs import GRAPHS, Graph, graph
from netopsy.data.labelled_graphs import role_graph, uneven_blocks
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, local_planetoid, planetoid
from netopsy.graphs.adjacency import as_adjacency
from netopsy.graphs.neural_common_neighbor import LinkGraph, link_graph, random_link_split

DIGITS = "digits"


@dataclass(frozen=True)
class Digits:
    """The graph of near digits and its features."""

    neighbours: int = 8
    """Near digits that each is joined to."""
    features: int = 8
    noise: float = 1.0
    """Of the features, in standard deviations of what they are without it."""


def digits_links(digits: Digits, seed: int) -> tuple[sparse.csr_array, Tensor]:
    """The graph of near digits, and a few noisy random projections of their pixels."""
    network, pixels = digits_graph(digits.neighbours)
    random = generator(derive(seed, "features"))
    given = torch.from_numpy((pixels - pixels.mean(0)) / 16).float()
    seen = given @ torch.randn(given.shape[1], digits.features, generator=random) / 8
    return network.adjacency, seen + digits.noise * seen.std() * torch.randn(seen.shape, generator=random)


def present(wanted: tuple[str, ...], instead: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the wanted networks that are on this machine; where none is, the others, which come with networkx."""
    here = {*local_planetoid(), *local_networks()}
    return tuple(name for name in wanted if name in here) or instead


def network_links(name: str, seed: int) -> tuple[sparse.csr_array, Tensor]:
    """A network by name, and its nodes' features; random ones where it has none, which are not made from its links."""
    if name in PLANETOID:
        data = planetoid(name)
        return as_adjacency(data), data.x / data.x.sum(1, keepdim=True).clamp(min=1)
    known = graph(name) if name in GRAPHS else read_graph(lookup("network", name, local_networks()))
    adjacency = as_adjacency(known)
    return adjacency, torch.randn(int(adjacency.shape[0]), 64, generator=generator(derive(seed, "features")))


def grown_links(
    nodes: int, links: int, pairs: int, seed: int, random: torch.Generator
) -> tuple[LinkGraph, Int[Tensor, "2 pairs"]]:
    """A graph of preferential attachment, and pairs of its nodes, half of them links."""
    grown = link_graph(as_adjacency(nx.barabasi_albert_graph(nodes, links, seed=seed)))
    split = random_link_split(grown.matrix, 0.01, 0.01, seed)
    drawn = torch.randint(split.train.shape[1], (pairs // 2,), generator=random)
    ends = torch.randint(nodes, (2, pairs), generator=random)
    others = ends[:, ends[0] != ends[1]][:, : pairs - pairs // 2]
    return grown, torch.cat([split.train[:, drawn], others], 1)


FIXED = ("karate", "digits", *PLANETOID)
"""Graphs with labels that are the same for every seed; the others are drawn anew."""


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
    found = {name: read_graph(file) for name, file in local_networks().items()}
    return found or {name: graph(name) for name in GRAPHS}


def labelled(name: str, seed: int) -> Graph:
    """A graph with a label at every node: the karate club, the digits, a citation network, roles or blocks."""
    if name == "digits":
        return digits_graph(5)[0]
    if name in PLANETOID:
        data = planetoid(name)
        return Graph(as_adjacency(data), name, labels=data.y.numpy())
    return lookup("graph", name, {"karate": lambda _: graph(name), "roles": role_graph, "blocks": uneven_blocks})(seed)


def matrix_of(made: nx.Graph) -> sparse.csr_array:
    return sparse.csr_array(nx.to_scipy_sparse_array(made, weight=None, dtype=float))
