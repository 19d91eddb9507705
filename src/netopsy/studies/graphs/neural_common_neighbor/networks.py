"""The graphs that links are predicted on, and what the predictors know of their nodes."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from netopsy.core.paths import data_folder
from netopsy.core.seeds import derive, generator
from netopsy.data.graph_files import read_graph
from netopsy.data.graphs import GRAPHS, graph
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, local_planetoid, planetoid
from netopsy.graphs.adjacency import as_adjacency

RANDOM_FEATURES = 64


def digits_links(neighbours: int, features: int, noise: float, seed: int) -> tuple[sparse.csr_array, Tensor]:
    """The graph of near digits, and a few noisy random projections of their pixels."""
    network, pixels = digits_graph(neighbours)
    random = generator(derive(seed, "features"))
    given = torch.from_numpy((pixels - pixels.mean(0)) / 16).float()
    seen = given @ torch.randn(given.shape[1], features, generator=random) / 8
    return network.adjacency, seen + noise * seen.std() * torch.randn(seen.shape, generator=random)


def present(wanted: tuple[str, ...], instead: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the wanted networks that are on this machine; where none is, the others, which come with networkx."""
    folder = data_folder()
    citations = local_planetoid() if any(name in PLANETOID for name in wanted) else ()
    here = tuple(
        name
        for name in wanted
        if name in citations or (folder is not None and (folder / "networks" / f"{name}.mat").is_file())
    )
    return here or instead


def network_links(name: str, seed: int) -> tuple[sparse.csr_array, Tensor]:
    """A network by name, and its nodes' features; random ones where it has none, which are not made from its links."""
    if name in PLANETOID:
        data = planetoid(name)
        x = data.x
        return as_adjacency(data), x / x.sum(1, keepdim=True).clamp(min=1)
    folder = data_folder()
    if name in GRAPHS or folder is None:
        adjacency = as_adjacency(graph(name))
    else:
        adjacency = as_adjacency(read_graph(folder / "networks" / f"{name}.mat"))
    random = generator(derive(seed, "features"))
    return adjacency, torch.randn(int(adjacency.shape[0]), RANDOM_FEATURES, generator=random)


def attachment_graph(nodes: int, links: int, seed: int) -> sparse.csr_array:
    """A Barabási-Albert graph: each node comes with so many links, to nodes that have many."""
    import networkx as nx

    ends = np.array(nx.barabasi_albert_graph(nodes, links, seed=seed).edges, dtype=np.int64)
    return as_adjacency(torch.from_numpy(ends.T.copy()), nodes=nodes)
