"""Twenty hops of propagation, output and derivative, against torch_geometric's APPNP; and the growth with the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import networkx as nx
import torch
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.dagnn import AdaptivePropagation
from netopsy.graphs.propagation import Operator, propagator

HOPS, CLASSES = 20, 10


def benchmarks() -> Iterator[Comparison | Growth]:
    """The last hop alone, which both sides can compute, on graphs of 1797 and of 20000 nodes."""
    from torch_geometric.nn import APPNP

    for nodes in (1797, 20000):
        edges, x = setting(nodes)
        ours, theirs = AdaptivePropagation(CLASSES, HOPS, "last"), APPNP(HOPS, 0.0, cached=True)
        operator = propagator(edges, nodes)
        torch.testing.assert_close(ours(x, operator), theirs(x, edges), atol=1e-4, rtol=1e-4)
        yield Comparison(
            f"propagation_{nodes}",
            partial(step, partial(ours, edge_index=operator), x),
            partial(step, partial(theirs, edge_index=edges), x),
            target=0.5,
            peer_name="torch_geometric APPNP",
            rounds=5,
        )
    gated = AdaptivePropagation(CLASSES, HOPS)
    works: dict[int, Callable[[], None]] = {}
    for nodes in (1000, 5000, 20000, 50000):
        edges, x = setting(nodes)
        prepared: Operator = propagator(edges, nodes)
        works[nodes] = partial(step, partial(gated, edge_index=prepared), x)
    yield Growth("propagation_nodes", works, size_name="nodes")


def setting(nodes: int) -> tuple[Tensor, Tensor]:
    """A scale-free graph of average degree 10, and features."""
    edges = edge_index_of(as_adjacency(nx.barabasi_albert_graph(nodes, 5, seed=0)))
    return edges, torch.rand(nodes, CLASSES, generator=torch.Generator().manual_seed(0)).requires_grad_()


def step(layer: Callable[[Tensor], Tensor], x: Tensor) -> None:
    """Output and derivative."""
    torch.autograd.grad(layer(x).square().sum(), x)
