"""Whatever the caller's graph is, as a sparse symmetric matrix or as a list of edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from torch import Tensor

from netopsy.core.errors import InputError, require
from netopsy.data.graphs import Graph
from netopsy.data.matrix_formats import check_size

GraphLike = Any
"""A scipy sparse matrix or array, a dense array or tensor, a networkx or igraph graph, a `netopsy.data.Graph`, an edge
index ``[2, edges]`` of integers (tensor or array; an array of 2x2 is a matrix), or a torch_geometric ``Data``, whose
weights are its ``edge_weight`` or a single column of ``edge_attr``."""


def as_adjacency(
    graph: GraphLike,
    *,
    nodes: int | None = None,
    weighted: bool = False,
    loops: bool = False,
    called: str = "graph",
) -> sparse.csr_array:
    """The symmetric adjacency matrix of an undirected graph, ``[nodes, nodes]``, float64, indices sorted.

    Edges of an edge index or of ``Data`` may be listed one way or both ways; repeated ones count once, unless they
    carry weights, which must then agree. The nodes of a networkx graph are numbered in their order.

    Args:
        nodes: how many there are, where that cannot be seen: isolated nodes at the end of an edge index.
        weighted: keep the weights; otherwise every edge is 1.
        loops: keep edges from a node to itself; otherwise they are an error.
        called: the argument's name, for errors.

    Raises:
        InputError: no graph, directed, weights that are negative, infinite or no real numbers, loops where there may be
            none, or no node.

    >>> as_adjacency(torch.tensor([[0, 1], [1, 2]])).toarray().astype(int).tolist()
    [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    """
    matrix = _matrix(graph, nodes, called, weighted)
    rows, columns = matrix.shape
    require(rows == columns, f"{called} must be a square adjacency matrix, got {rows}x{columns}")
    require(rows > 0, f"{called} must have at least one node, got none")
    require(nodes is None or nodes == rows, f"{called} has {rows} nodes, but nodes says {nodes}")
    require(np.isfinite(matrix.data).all(), f"{called} must have finite weights, got NaN or infinity")
    require((matrix.data >= 0).all(), f"{called} must not have negative weights, got {matrix.data.min(initial=0):g}")
    matrix.eliminate_zeros()
    differs: Any = matrix != matrix.T
    require(differs.nnz == 0, f"{called} must be undirected: its adjacency matrix is not symmetric")
    if not loops:
        own = np.flatnonzero(matrix.diagonal())
        require(own.size == 0, f"{called} must have no edge from a node to itself, got one at node {own[:1]}")
    if not weighted:
        matrix.data = np.ones_like(matrix.data)
    matrix.sort_indices()
    return matrix


def edge_index_of(adjacency: sparse.csr_array) -> Int[Tensor, "2 edges"]:
    """Every edge both ways, as torch_geometric lists them: sorted by its first node, then by its second.

    >>> edge_index_of(as_adjacency(torch.tensor([[1], [0]]))).tolist()
    [[0, 1], [1, 0]]
    """
    coordinates = sparse.coo_array(adjacency)
    return torch.from_numpy(np.stack([coordinates.row, coordinates.col]).astype(np.int64))


def edge_weights_of(adjacency: sparse.csr_array) -> Float[Tensor, "edges"]:
    """The weights of the edges in the order of `edge_index_of`, float64."""
    return torch.from_numpy(sparse.coo_array(adjacency).data.astype(np.float64))


def undirected_edges(adjacency: sparse.csr_array) -> Int[Tensor, "2 edges"]:
    """Every edge once, from the smaller node to the larger, sorted."""
    upper = sparse.coo_array(sparse.triu(adjacency, 1))
    order = np.lexsort((upper.col, upper.row))
    return torch.from_numpy(np.stack([upper.row[order], upper.col[order]]).astype(np.int64))


def from_edges(
    edge_index: Int[Tensor, "2 edges"],
    nodes: int | None = None,
    weights: Tensor | None = None,
    called: str = "edge_index",
) -> sparse.csr_array:
    """The symmetric matrix of edges listed one way or both ways.

    Raises:
        InputError: not ``[2, edges]`` of integers, a node out of range, or weights that differ between the two ways.
    """
    whole = not (edge_index.is_floating_point() or edge_index.is_complex() or edge_index.dtype == torch.bool)
    require(
        edge_index.ndim == 2 and edge_index.shape[0] == 2 and whole,
        f"{called} must be integers [2, edges], got {tuple(edge_index.shape)} of {edge_index.dtype}",
    )
    first, second = edge_index.cpu().numpy().astype(np.int64)
    low = min(first.min(initial=0), second.min(initial=0))
    most = int(max(first.max(initial=-1), second.max(initial=-1)))
    count = most + 1 if nodes is None else nodes
    require(low >= 0, f"{called} must name nodes from 0 on, got {low}")
    require(most < count, f"{called} names node {most}, but there are only nodes 0 to {count - 1}")
    check_size(count, len(first), called)
    require(weights is None or not weights.is_complex(), f"{called} must have weights that are real numbers")
    values = np.ones(len(first)) if weights is None else weights.detach().cpu().double().numpy().reshape(-1)
    require(np.isfinite(values).all(), f"{called} must have finite weights, got NaN or infinity")
    require(len(values) == len(first), f"{called} has {len(first)} edges, but there are {len(values)} weights")
    one_way = np.minimum(first, second) * max(count, 1) + np.maximum(first, second)
    kept, where, inverse = np.unique(one_way, return_index=True, return_inverse=True)
    require(np.array_equal(values[where][inverse], values), f"{called} gives one edge two different weights")
    low_end, high_end = np.divmod(kept, max(count, 1))
    apart = low_end != high_end
    rows, columns = np.r_[low_end, high_end[apart]], np.r_[high_end, low_end[apart]]
    return sparse.csr_array(
        sparse.coo_array((np.r_[values[where], values[where][apart]], (rows, columns)), (count, count))
    )


def _matrix(graph: GraphLike, nodes: int | None, called: str, weighted: bool) -> sparse.csr_array:
    if isinstance(graph, Graph):
        return graph.adjacency.copy()
    if sparse.issparse(graph):
        return real_matrix(graph, called)
    if isinstance(graph, Tensor):
        return _from_tensor(graph, nodes, called)
    if isinstance(graph, np.ndarray):
        if graph.dtype.kind in "iu" and graph.ndim == 2 and graph.shape[0] == 2 != graph.shape[1]:
            return from_edges(torch.from_numpy(graph.astype(np.int64)), nodes, None, called)
        return real_matrix(graph, called)
    edge_index = getattr(graph, "edge_index", None)
    if isinstance(edge_index, Tensor):
        count = nodes if nodes is not None else getattr(graph, "num_nodes", None)
        return from_edges(edge_index, count, _weights_of(graph, weighted), called)
    if hasattr(graph, "get_edgelist") and hasattr(graph, "vcount"):
        return _from_igraph(graph, called, weighted)
    if hasattr(graph, "nodes") and hasattr(graph, "edges"):
        import networkx as nx

        require(not graph.is_directed(), f"{called} must be undirected, got a directed networkx graph")
        require(len(graph) > 0, f"{called} must have at least one node, got none")
        try:
            return sparse.csr_array(nx.to_scipy_sparse_array(graph, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise InputError(f"{called} must have weights that are real numbers: {error}") from error
    raise InputError(
        f"{called} must be a sparse or dense adjacency matrix, a networkx graph, an edge index [2, edges] or a "
        f"torch_geometric Data, got {type(graph).__name__}"
    )


def _weights_of(data: Any, weighted: bool) -> Tensor | None:
    """The weights in a ``Data``: ``edge_weight``, or ``edge_attr`` where that is one number an edge."""
    given: Tensor | None = getattr(data, "edge_weight", None)
    if given is None and weighted:
        attributes = getattr(data, "edge_attr", None)
        if isinstance(attributes, Tensor) and attributes.numel() == data.edge_index.shape[-1]:
            given = attributes.reshape(-1)
    return given


def _from_igraph(graph: Any, called: str, weighted: bool) -> sparse.csr_array:
    require(not graph.is_directed(), f"{called} must be undirected, got a directed igraph graph")
    edges = torch.tensor(graph.get_edgelist(), dtype=torch.int64).reshape(-1, 2).T
    named = weighted and "weight" in graph.es.attributes()
    return from_edges(edges, graph.vcount(), torch.tensor(graph.es["weight"]) if named else None, called)


def _from_tensor(graph: Tensor, nodes: int | None, called: str) -> sparse.csr_array:
    """An edge index if it has two rows of integers, otherwise a matrix; so a matrix of two nodes must be of floats."""
    require(not graph.is_complex(), f"{called} must hold real numbers, got {graph.dtype}")
    if graph.layout != torch.strided:
        coo = graph.detach().to_sparse_coo().double().coalesce().cpu()
        rows, columns = coo.indices().numpy()
        entries: Any = (coo.values().numpy(), (rows, columns))
        return sparse.csr_array(sparse.coo_array(entries, (coo.shape[0], coo.shape[1])))
    require(graph.ndim == 2, f"{called} must be a matrix or an edge index [2, edges], got {tuple(graph.shape)}")
    whole = not graph.is_floating_point() and graph.dtype != torch.bool
    if whole and graph.shape[0] == 2:
        return from_edges(graph, nodes, None, called)
    return real_matrix(graph.detach().cpu().double().numpy(), called)


def real_matrix(values: Any, called: str) -> sparse.csr_array:
    """A copy of a matrix in compressed rows of float64; raises `InputError` unless it holds real numbers."""
    matrix: Any = values if sparse.issparse(values) else np.asarray(values)
    require(matrix.ndim == 2, f"{called} must be a matrix, got an array of shape {matrix.shape}")
    kind = matrix.dtype.kind
    require(kind in "biufO", f"{called} must hold real numbers, got {matrix.dtype}")
    try:
        # An array of objects may hold numbers all the same; scipy has no operations on half precision.
        return sparse.csr_array(matrix.astype(np.float64) if kind in "Of" else matrix).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{called} must hold real numbers: {error}") from error
