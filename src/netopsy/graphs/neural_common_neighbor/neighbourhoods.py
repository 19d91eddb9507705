"""The neighbours that pairs of nodes have in common, and those that only one of the two has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.adjacency import GraphLike, as_adjacency
from netopsy.graphs.neural_common_neighbor import _kernels

Pairs = Int[Tensor, "2 pairs"]
Places = NDArray[np.int64]

MANY = 8
"""From one pair for so many nodes on, looking at every node once pays."""


@dataclass(frozen=True, eq=False)
class LinkGraph:
    """An undirected graph as the sorted neighbours of every node, and which edge each entry belongs to.

    Kept beside the edges themselves so that links can be taken out by masking, without sorting anything again.
    """

    starts: Places
    """Where each node's neighbours begin, ``[nodes + 1]``."""
    columns: Places
    """The neighbours, ``[2 edges]``."""
    edges: Places
    """The number of the undirected edge behind every entry, ``[2 edges]``."""

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.starts) - 1

    @property
    def degrees(self) -> Places:
        """Neighbours of every node."""
        return np.diff(self.starts)

    def without(self, removed: Int[Tensor, "removed"] | Places) -> LinkGraph:
        """The graph without the undirected edges of these numbers, both ways."""
        gone = np.asarray(removed)
        # Where links were taken out before, their numbers are missing, and the others keep theirs.
        kept = np.ones(max(self.edges.max(initial=-1), gone.max(initial=-1)) + 1, dtype=bool)
        kept[gone] = False
        keep = kept[self.edges]
        sums = np.concatenate([[0], np.cumsum(keep)])
        return LinkGraph(sums[self.starts], self.columns[keep], self.edges[keep])

    @property
    def edge_index(self) -> Int[Tensor, "2 entries"]:
        """Every edge both ways, sorted, as torch_geometric lists them."""
        rows = np.repeat(np.arange(self.nodes), self.degrees)
        return torch.from_numpy(np.stack([rows, self.columns]))

    @property
    def matrix(self) -> sparse.csr_array:
        """The adjacency matrix."""
        return sparse.csr_array((np.ones(len(self.columns)), self.columns, self.starts), (self.nodes, self.nodes))


def link_graph(adj: GraphLike | LinkGraph, *, nodes: int | None = None) -> LinkGraph:
    """Any undirected graph as a `LinkGraph`; its edges are numbered in the order of `undirected_edges`.

    Raises:
        InputError: what `as_adjacency` refuses: a directed graph, edges from a node to itself, and so on.

    >>> link_graph(torch.tensor([[0, 1], [1, 2]])).without(torch.tensor([0])).edge_index.tolist()
    [[1, 2], [2, 1]]
    """
    if isinstance(adj, LinkGraph):
        return adj
    matrix = as_adjacency(adj, nodes=nodes, called="adj")
    starts, columns = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    upper = rows < columns
    edges = np.empty(len(columns), dtype=np.int64)
    edges[upper] = np.arange(upper.sum())
    # Entries below the diagonal, sorted by column and then row, are the edges in the same order.
    below = np.flatnonzero(~upper)
    edges[below[np.lexsort((rows[below], columns[below]))]] = np.arange(len(below))
    return LinkGraph(starts, columns, edges)


@checked
def common_neighbors(adj: GraphLike | LinkGraph, pairs: Pairs) -> sparse.csr_array:
    """The indicator of ``N(i) & N(j)`` for each pair (i, j), ``[pairs, nodes]``: rows of A multiplied, entry by entry.

    Raises:
        InputError: pairs out of range or of a node with itself, or a graph that is not undirected.

    Source: Wang et al. 2024, Section 3.

    >>> common_neighbors(torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0, 0], [2, 1]])).toarray().astype(int).tolist()
    [[0, 1, 0], [0, 0, 0]]
    """
    graph = link_graph(adj)
    first, second = checked_pairs(pairs, graph.nodes)
    return _csr(*shared_rows(graph, first, second), graph.nodes)


@checked
def neighbor_difference(adj: GraphLike | LinkGraph, pairs: Pairs) -> tuple[sparse.csr_array, sparse.csr_array]:
    """The indicators of ``N(i) - N(j)`` and of ``N(j) - N(i)``, each without i and j, ``[pairs, nodes]``.

    Where i and j are linked each is a neighbour of the other; as an end of the pair it is left out.

    Raises:
        InputError: as `common_neighbors`.

    >>> one, other = neighbor_difference(torch.tensor([[0, 0, 1], [1, 2, 3]]), torch.tensor([[0], [1]]))
    >>> one.indices.tolist(), other.indices.tolist()
    ([2], [3])
    """
    graph = link_graph(adj)
    first, second = checked_pairs(pairs, graph.nodes)
    starts, columns, kinds = union_rows(graph, first, second)
    parts = []
    for kind in (_kernels.FIRST, _kernels.SECOND):
        keep = kinds == kind
        sums = np.concatenate([[0], np.cumsum(keep)])
        parts.append(_csr(sums[starts], columns[keep], graph.nodes))
    return parts[0], parts[1]


def shared_rows(graph: LinkGraph, first: Places, second: Places) -> tuple[Places, Places]:
    """Where each pair's common neighbours begin, and they, in order."""
    if MANY * len(first) >= graph.nodes:
        found: tuple[Places, Places] = _kernels.shared_of_many(graph.starts, graph.columns, first, second)
        return found
    degrees = graph.degrees
    room = int(np.minimum(degrees[first], degrees[second]).sum())
    starts, columns = np.zeros(len(first) + 1, dtype=np.int64), np.empty(room, dtype=np.int64)
    written = _kernels.shared(graph.starts, graph.columns, first, second, starts, columns)
    return starts, columns[:written]


def union_rows(graph: LinkGraph, first: Places, second: Places) -> tuple[Places, Places, NDArray[np.int8]]:
    """As `shared_rows` for the neighbours of either end, and whose they are."""
    degrees = graph.degrees
    room = int((degrees[first] + degrees[second]).sum())
    starts = np.zeros(len(first) + 1, dtype=np.int64)
    columns, kinds = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int8)
    written = _kernels.merged(graph.starts, graph.columns, first, second, starts, columns, kinds)
    return starts, columns[:written], kinds[:written]


def two_hop_rows(graph: LinkGraph, first: Places, second: Places) -> tuple[Places, Places]:
    """As `shared_rows` for neighbours of one end at distance two from the other."""
    degrees = graph.degrees
    room = int((degrees[first] + degrees[second]).sum())
    starts, columns = np.zeros(len(first) + 1, dtype=np.int64), np.empty(room, dtype=np.int64)
    near = np.zeros(graph.nodes, dtype=np.int8)
    written = _kernels.two_steps(graph.starts, graph.columns, first, second, near, starts, columns)
    return starts, columns[:written]


def checked_pairs(pairs: Tensor, nodes: int, called: str = "pairs") -> tuple[Places, Places]:
    """Both ends of each pair; raises `InputError` unless they are two different nodes ``[2, pairs]``."""
    require(
        isinstance(pairs, Tensor) and pairs.ndim == 2 and pairs.shape[0] == 2 and not pairs.is_floating_point(),
        f"{called} must be integers [2, pairs], got "
        f"{f'{tuple(pairs.shape)} of {pairs.dtype}' if isinstance(pairs, Tensor) else type(pairs).__name__}",
    )
    first, second = np.ascontiguousarray(pairs.cpu().numpy().astype(np.int64))
    if len(first):
        low, high = int(min(first.min(), second.min())), int(max(first.max(), second.max()))
        wrong = low if low < 0 else high
        require(low >= 0 and high < nodes, f"{called} must name nodes from 0 to {nodes - 1}, got {wrong}")
        same = np.flatnonzero(first == second)
        own = first[same][:1].tolist()
        require(not own, f"{called} must join two different nodes, got node {own} with itself")
    return first, second


def _csr(starts: Places, columns: Places, nodes: int) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(columns)), columns, starts), (len(starts) - 1, nodes))
