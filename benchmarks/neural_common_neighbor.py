"""Pooling over common neighbours against rows of the adjacency matrix multiplied by scipy; growth with the graph."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.graphs.neural_common_neighbor import (
    GAEPredictor,
    LinkGraph,
    NCNCPredictor,
    NCNPredictor,
    PureGCN,
    link_graph,
    pool,
    score_pairs,
)
from netopsy.graphs.neural_common_neighbor.neighbourhoods import shared_rows

SIZES = (1000, 2000, 5000, 10_000, 20_000, 50_000)


def benchmarks() -> Iterator[Comparison | Growth]:
    """20,000 pairs of 10,000 nodes, 64 channels: pooled, and a batch's links removed; then the growth of scores."""
    graph, pairs, features = setting(10_000)
    matrix, gradient = graph.matrix, torch.randn(pairs.shape[1], 64)
    ours, peer = pooled(graph, pairs, features, gradient), by_scipy(matrix, pairs, features, gradient)
    assert all(torch.allclose(one, other, atol=1e-3) for one, other in zip(ours, peer, strict=True))
    yield Comparison(
        "common_neighbour_pooling",
        partial(pooled, graph, pairs, features, gradient),
        partial(by_scipy, matrix, pairs, features, gradient),
        target=0.5,
        peer_name="scipy A[i].multiply(A[j])",
    )
    numbers = np.arange(0, len(graph.columns) // 2, 10)
    links = graph.edge_index[:, graph.edge_index[0] < graph.edge_index[1]].numpy()
    assert np.array_equal(graph.without(numbers).columns, built_anew(links, numbers, graph.nodes).indices)
    yield Comparison(
        "target_link_removal",
        partial(graph.without, numbers),
        partial(built_anew, links, numbers, graph.nodes),
        target=0.5,
        peer_name="built anew by scipy",
    )
    for name, kind in (("gae", GAEPredictor), ("ncn", NCNPredictor), ("ncnc", NCNCPredictor)):
        yield Growth(f"{name}_scores", {size: scores(kind, size) for size in SIZES}, size_name="nodes", rounds=3)


def setting(nodes: int) -> tuple[LinkGraph, Tensor, Tensor]:
    """A Barabási-Albert graph, pairs of which half are links, and features."""
    graph = link_graph(nx.barabasi_albert_graph(nodes, 5, seed=0))
    random = torch.Generator().manual_seed(0)
    linked = graph.edge_index[:, torch.randint(len(graph.columns), (10_000,), generator=random)]
    ends = torch.randint(nodes, (2, 10_000), generator=random)
    pairs = torch.cat([linked, ends[:, ends[0] != ends[1]]], 1)
    return graph, pairs, torch.randn(nodes, 64, generator=random)


def pooled(graph: LinkGraph, pairs: Tensor, features: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over common neighbours and their derivative."""
    given = features.detach().requires_grad_()
    found = pool(given, *shared_rows(graph, *pairs.numpy()))
    found.backward(gradient)
    return found.detach(), given.grad


def by_scipy(matrix: Any, pairs: Tensor, features: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """The same by products of sparse rows and sparse times dense."""
    rows = matrix[pairs[0].numpy()].multiply(matrix[pairs[1].numpy()]).tocsr().astype(np.float32)
    return torch.from_numpy(rows @ features.numpy()), torch.from_numpy(rows.T @ gradient.numpy())


def built_anew(links: np.ndarray, numbers: np.ndarray, nodes: int) -> sparse.csr_array:
    """The adjacency matrix from the list of those links that stay."""
    first, second = np.delete(links, numbers, axis=1)
    ends = np.r_[first, second], np.r_[second, first]
    matrix = sparse.csr_array(sparse.coo_array((np.ones(2 * len(first)), ends), (nodes, nodes)))
    matrix.sort_indices()
    return matrix


def scores(kind: type[NCNPredictor] | type[GAEPredictor], nodes: int) -> Any:
    """Scoring the pairs of a graph of so many nodes, the encoder's pass included."""
    graph, pairs, features = setting(nodes)
    return partial(score_pairs, PureGCN(64, 64), kind(64), features, graph, pairs)
