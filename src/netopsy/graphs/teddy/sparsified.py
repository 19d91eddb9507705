"""A graph in any form in, its edges with their scores out, and which of them stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.errors import lookup
from netopsy.graphs.adjacency import GraphLike, as_adjacency, from_edges, undirected_edges
from netopsy.graphs.teddy.pruning import check_sparsity, prune_edges
from netopsy.graphs.teddy.scores import degree_scores, random_scores, teddy_scores

_SCORES: Mapping[str, Callable[[Tensor, int, int], Tensor]] = MappingProxyType(
    {
        "teddy": lambda edges, nodes, seed: teddy_scores(edges, nodes),
        "degree": lambda edges, nodes, seed: degree_scores(edges, nodes),
        "inverted": lambda edges, nodes, seed: -teddy_scores(edges, nodes),
        "random": lambda edges, nodes, seed: random_scores(edges, nodes, seed=seed),
    }
)
SCORES = tuple(_SCORES)
"""The names of scores: the paper's, its one-step version, the paper's upside down, and chance."""


@dataclass(frozen=True, eq=False)
class Sparsified:
    """The edges of an undirected graph, each once, with their scores, and which of them stay."""

    edges: Int[Tensor, "2 edges"]
    """From the smaller node to the larger, sorted."""
    scores: Float[Tensor, "edges"]
    kept: Bool[Tensor, "edges"]
    nodes: int

    @property
    def edge_index(self) -> Int[Tensor, "2 both_ways"]:
        """The kept edges as torch_geometric lists them: both ways."""
        edges = self.edges[:, self.kept]
        return torch.cat([edges, edges.flip(0)], 1)

    @property
    def adjacency(self) -> Any:
        """The thinned graph as a symmetric matrix, ``scipy.sparse.csr_array [nodes, nodes]``, of ones."""
        return from_edges(self.edges[:, self.kept], self.nodes)

    @property
    def isolated(self) -> int:
        """How many nodes had neighbours and have none any more."""
        before, after = (
            torch.bincount(edges.flatten(), minlength=self.nodes) > 0
            for edges in (self.edges, self.edges[:, self.kept])
        )
        return int((before & ~after).sum())


def sparsify(graph: GraphLike, sparsity: float, *, score: str = "teddy", seed: int = 0) -> Sparsified:
    """Remove a share of a graph's edges by their score, the lowest first.

    Args:
        graph: an undirected graph in any form that `netopsy.graphs.adjacency.as_adjacency` takes; weights are not
            looked at.
        sparsity: the share of edges to remove, from 0 to below 1.
        score: "teddy"; "degree" for ``1 / sqrt(d_i d_j)``; "inverted" to remove what TEDDY would keep; "random".
        seed: of random scores.

    Raises:
        InputError: no undirected graph, a share out of range, or an unknown score.

    >>> import networkx as nx
    >>> thinned = sparsify(nx.karate_club_graph(), 0.5)
    >>> int(thinned.kept.sum()), thinned.edges[:, thinned.scores.argmin()].tolist()
    (39, [32, 33])
    """
    check_sparsity("sparsity", sparsity)
    scored = lookup("score", score, _SCORES)
    adjacency = as_adjacency(graph)
    nodes = int(adjacency.shape[0])
    edges = undirected_edges(adjacency)
    both = torch.cat([edges, edges.flip(0)], 1)
    scores = scored(both, nodes, seed)[: edges.shape[1]]
    _, kept = prune_edges(edges, scores, sparsity, undirected=False)
    return Sparsified(edges, scores, kept, nodes)
