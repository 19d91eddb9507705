"""Removing the edges of lowest score, both directions of one together."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.propagation import EdgeIndex, check_edges
from netopsy.graphs.teddy.scores import EdgeScores
from netopsy.graphs.teddy.smallest import smallest

_ROUNDING = 1e-9
"""Shares are decimal numbers: 0.29 of 100 edges are 29, although the product is a hair below."""


@checked
def prune_edges(
    edge_index: EdgeIndex, scores: EdgeScores, sparsity: float, *, undirected: bool = True
) -> tuple[Int[Tensor, "2 kept"], Bool[Tensor, "edges"]]:
    """The edges that are left when ``floor(sparsity * edges)`` of the lowest scores are gone, and which these are.

    An undirected edge counts once and goes in both directions or not at all. Edges from a node to itself stay and do
    not count. Of equal scores the edge between the smaller nodes goes first, whatever the order of the list.

    Args:
        sparsity: the share of edges to remove, from 0 to below 1.
        undirected: whether each edge is listed in both directions; otherwise each column counts on its own.

    Returns:
        The shorter list, in the order of ``edge_index``, and a mask of it, True where an edge is kept.

    Raises:
        InputError: a share out of range, not one score for each edge, NaN among them; for undirected graphs an edge
            listed in one direction only or more than once, or with two different scores.

    >>> triangle_with_tail = torch.tensor([[0, 1, 2, 2, 1, 2, 0, 3], [1, 2, 0, 3, 0, 1, 2, 2]])
    >>> scores = torch.tensor([1.0, 3.0, 3.0, 4.0, 1.0, 3.0, 3.0, 4.0])
    >>> prune_edges(triangle_with_tail, scores, 0.5)[0].tolist()
    [[1, 2, 2, 3], [2, 3, 1, 2]]
    """
    check_sparsity("sparsity", sparsity)
    check_edges(edge_index)
    require(
        scores.shape == edge_index.shape[1:],
        f"scores must be [{edge_index.shape[1]}], one for each edge, got {tuple(scores.shape)}",
    )
    require(not scores.isnan().any(), "scores must be numbers, got NaN")
    keep = torch.ones(edge_index.shape[1], dtype=torch.bool, device=edge_index.device)
    ways: tuple[Tensor, ...] = pairs_of(edge_index) if undirected else _columns(edge_index)
    if undirected:
        there, back = scores[ways[0]], scores[ways[1]]
        require(torch.allclose(there, back), "scores must give both directions of an edge the same score")
    gone = smallest(scores[ways[0]], math.floor(sparsity * len(ways[0]) + _ROUNDING))
    for way in ways:
        keep[way[gone]] = False
    return edge_index[:, keep], keep


def check_sparsity(argument: str, sparsity: float) -> None:
    """Raise `InputError` unless this is a share from 0 to below 1."""
    require(
        isinstance(sparsity, int | float) and not isinstance(sparsity, bool) and 0 <= sparsity < 1,
        f"{argument} must be at least 0 and below 1, got {sparsity!r}",
    )


def count_of(sparsity: float, size: int) -> int:
    """``ceil(sparsity * size)``: how many of ``size`` weights are zero."""
    return math.ceil(sparsity * size - _ROUNDING)


def pairs_of(edge_index: Tensor) -> tuple[Tensor, Tensor]:
    """For each undirected edge, in the order of its nodes, its places in the list: upwards and downwards."""
    first, second = edge_index.long()  # the product of two nodes may not fit into anything shorter
    nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0
    keys, places = [], []
    for low, high in ((first, second), (second, first)):
        place = (low < high).nonzero().flatten()
        key, order = (low[place] * nodes + high[place]).sort()
        keys.append(key)
        places.append(place[order])
    up, down = keys
    for key in keys:
        require(
            not (key[1:] == key[:-1]).any(), "edge_index must list each direction of an edge once, got some repeated"
        )
    require(torch.equal(up, down), "edge_index must list each edge in both directions, as undirected says")
    return places[0], places[1]


def _columns(edge_index: Tensor) -> tuple[Tensor]:
    first, second = edge_index.long()
    nodes = int(edge_index.max()) + 1 if edge_index.numel() else 0
    place = (first != second).nonzero().flatten()
    return (place[(first[place] * nodes + second[place]).argsort(stable=True)],)
