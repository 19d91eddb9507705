"""What an edge is worth: from two steps of degrees, from one, or by chance."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.compiled import compiled
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.graphs.propagation import EdgeIndex, check_edges

EdgeScores = Float[Tensor, "edges"]


@checked
def teddy_scores(edge_index: EdgeIndex, num_nodes: int) -> EdgeScores:
    """``g(i) g(j)`` for each edge, in the order of ``edge_index``: the lowest are removed first.

    Edges between well-connected nodes have low scores, edges at nodes with few neighbours high ones. Neither features
    nor training are needed, and the cost grows linearly with the edges.

    Args:
        edge_index: ``[2, edges]``, each edge in both directions; one listed again counts once. Edges from a node to
            itself do not count as neighbours; `prune_edges` never removes them.

    Returns:
        float64, as scores shrink with the sixth power of the degrees.

    Raises:
        InputError: nodes out of range.

    Source: Seo et al. 2024, section 4.1.

    >>> path = torch.tensor([[0, 1, 2, 1, 2, 3], [1, 2, 3, 0, 1, 2]])
    >>> teddy_scores(path, 4).round(decimals=5).tolist()
    [0.30178, 0.18214, 0.30178, 0.30178, 0.18214, 0.30178]
    """
    return _product(node_values(edge_index, num_nodes), edge_index)


def node_values(edge_index: EdgeIndex, num_nodes: int) -> Float[Tensor, "nodes"]:
    """``g(v) = d_v^-2 sum of d_u^-1/2 over the neighbours u``, with d the degrees; 0 for a node without neighbours.

    Raises:
        InputError: nodes out of range.

    >>> node_values(torch.tensor([[0, 0, 1, 2], [1, 2, 0, 0]]), 3)  # a star: 1/k in the centre, k^-1/2 at the leaves
    tensor([0.5000, 0.7071, 0.7071], dtype=torch.float64)
    """
    nodes, neighbours = _without_loops(edge_index, num_nodes)
    degree = torch.bincount(nodes, minlength=num_nodes).double()
    inverse = degree.pow(-0.5).where(degree > 0, 0.0)
    # As bincount adds in float64 whatever the default type, it needs no copy of the edges.
    around = torch.bincount(nodes, weights=inverse.index_select(0, neighbours), minlength=num_nodes)
    return around.double() * inverse.pow(4)


def degree_scores(edge_index: EdgeIndex, num_nodes: int) -> EdgeScores:
    """``1 / sqrt(d_i d_j)`` for each edge: the paper's comparison that looks one step far only.

    Raises:
        InputError: nodes out of range.
    """
    nodes, _ = _without_loops(edge_index, num_nodes)
    degree = torch.bincount(nodes, minlength=num_nodes).double()
    return _product(degree.pow(-0.5).where(degree > 0, 0.0), edge_index)


def random_scores(edge_index: EdgeIndex, num_nodes: int, *, seed: int | torch.Generator = 0) -> EdgeScores:
    """A random order of the edges in which both directions of one stand in the same place.

    Raises:
        InputError: nodes out of range.
    """
    check_edges(edge_index, num_nodes)
    low, high = edge_index.cpu().long().aminmax(dim=0)
    pairs, place = (low * num_nodes + high).unique(return_inverse=True)
    drawn = torch.rand(len(pairs), generator=generator(seed), dtype=torch.float64)
    return drawn[place].to(edge_index.device)


def _product(values: Tensor, edge_index: Tensor) -> Tensor:
    return values.index_select(0, edge_index[0]).mul_(values.index_select(0, edge_index[1]))


def _without_loops(edge_index: Tensor, num_nodes: int) -> tuple[Tensor, Tensor]:
    require(
        isinstance(num_nodes, int) and not isinstance(num_nodes, bool) and num_nodes >= 0,
        f"num_nodes must be an int of at least 0, got {num_nodes!r}",
    )
    check_edges(edge_index, num_nodes)
    apart = edge_index[0] != edge_index[1]
    edges = edge_index if bool(apart.all()) else edge_index[:, apart]
    nodes, neighbours = edges if _each_once(edges, num_nodes) else edges.unique(dim=1)
    return nodes, neighbours


def _each_once(edges: Tensor, nodes: int) -> bool:
    keys = edges[0].long() * nodes + edges[1].long()
    ascending = bool((keys[1:] > keys[:-1]).all())
    return ascending or not bool(repeated(edges.cpu().long().contiguous().numpy(), nodes))


@compiled
def repeated(edges, nodes):
    """Whether some column stands there twice, by each node's neighbours after another, without sorting them."""
    ends = np.zeros(nodes + 1, np.int64)
    for node in edges[0]:
        ends[node + 1] += 1
    ends = np.cumsum(ends)
    free, sorted_ = ends.copy(), np.empty(edges.shape[1], np.int64)
    for edge in range(edges.shape[1]):
        sorted_[free[edges[0, edge]]] = edges[1, edge]
        free[edges[0, edge]] += 1
    last = np.full(nodes, -1, np.int64)
    for node in range(nodes):
        for place in range(ends[node], ends[node + 1]):
            if last[sorted_[place]] == node:
                return True
            last[sorted_[place]] = node
    return False
