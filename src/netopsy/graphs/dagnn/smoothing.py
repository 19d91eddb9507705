"""How alike the nodes' features have become, and what averaging without end makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, aslinearoperator
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.graphs.propagation import EdgeIndex, Features, Mode, gcn_norm, propagator


class Smoothness(NamedTuple):
    """How far apart the directions of the nodes' features are, from 0 (all one direction) to 1."""

    nodes: Float[Tensor, "nodes"]
    """The mean distance of each node to the others."""
    graph: float
    """The mean over the nodes."""


@checked
def smoothness(X: Features) -> Smoothness:
    """The paper's smoothness metric: ``D(x, y) = |x/|x| - y/|y|| / 2`` averaged over all pairs of nodes.

    A row of zeros has no direction; its unit vector is taken to be zero.

    Args:
        X: ``[nodes, channels]``, at least two nodes.

    Raises:
        InputError: fewer than two nodes, or features that are not finite.

    Source: Liu et al. 2020, Eqs. 1 to 3.

    >>> round(smoothness(torch.eye(4)).graph, 4)
    0.7071
    """
    require(X.ndim == 2 and len(X) >= 2, f"X must be [nodes, channels] with at least two nodes, got {tuple(X.shape)}")
    require(X.is_floating_point(), f"X must be floats, got {X.dtype}")
    require(X.isfinite().all(), "X must be finite, got NaN or infinite features")
    lengths = X.norm(dim=1, keepdim=True)
    unit = X / lengths.where(lengths > 0, 1.0)
    # Directions that hardly differ would drown in the rounding of a matrix product.
    exact = "donot_use_mm_for_euclid_dist"
    sums = torch.cat([torch.cdist(part, unit, compute_mode=exact).sum(1) for part in unit.split(1024)])
    nodes = sums / (2 * (len(X) - 1))
    return Smoothness(nodes, float(nodes.mean()))


@checked
def propagation_limit(edge_index: EdgeIndex, n: int, mode: Mode = "sym") -> LinearOperator:
    """What averaging comes to after infinitely many hops, as a linear operator ``[n, n]`` that is never written out.

    On a connected graph with degrees d (loops included), ``S^k`` tends to ``v v^T / |v|^2`` with ``v = sqrt(d)`` for
    the symmetric form, and to ``1 pi^T`` with ``pi = d / sum d`` for the row form; with several components to the sum
    of their own limits.

    Raises:
        InputError: an edge to a node that there is not, or an unknown mode.

    Source: Liu et al. 2020, Theorems 4 and 5.

    >>> limit = propagation_limit(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), 3)
    >>> (limit @ np.eye(3)).round(4)[0].tolist()
    [0.2857, 0.3499, 0.2857]
    """
    edges, _ = gcn_norm(edge_index, n, mode=mode)
    adjacency: Any = sparse.coo_array((np.ones(edges.shape[1]), tuple(edges.cpu().numpy())), (n, n)).tocsr()
    require((adjacency != adjacency.T).nnz == 0, "edge_index must list every edge both ways")
    degree = np.asarray(adjacency.sum(1)).ravel()
    _, component = connected_components(adjacency, directed=False)
    members = sparse.csr_array((np.ones(n), (np.arange(n), component)))
    volume = members.T @ degree
    if mode == "sym":
        left = sparse.diags_array(np.sqrt(degree / volume[component])) @ members
        return _operator(left, left)
    right = sparse.diags_array(degree / volume[component]) @ members
    return _operator(members, right)


def _operator(left: Any, right: Any) -> LinearOperator:
    return aslinearoperator(sparse.csr_array(left)) @ aslinearoperator(sparse.csr_array(right).T)


class Smoothing(NamedTuple):
    """Smoothness by the number of hops."""

    hops: Int[Tensor, "points"]
    graph: Float[Tensor, "points"]


@checked
def oversmoothing_curve(
    edge_index: EdgeIndex,
    X: Features,
    ks: Sequence[int],
    *,
    mode: Mode = "sym",
) -> Smoothing:
    """The smoothness of ``S^k X`` for every k of ``ks``, in one sweep over the hops.

    Raises:
        InputError: no k or a negative one, or features that do not fit the graph.

    >>> oversmoothing_curve(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), torch.eye(3), [0, 1, 8])
    Smoothing(hops=tensor([0, 1, 8]), graph=tensor([0.7071, 0.3983, 0.0034]))
    """
    require(len(ks) > 0 and min(ks) >= 0, f"ks must be some numbers of hops from 0 on, got {list(ks)}")
    operator = propagator(edge_index, len(X), mode=mode).to(X)
    wanted, found = set(ks), {}
    current = X
    for hop in range(max(ks) + 1):
        if hop in wanted:
            found[hop] = smoothness(current).graph
        current = operator @ current
    return Smoothing(torch.tensor(list(ks)), torch.tensor([found[k] for k in ks], dtype=X.dtype))
