"""Graphs for local work: checked once, or seen only through a function that tells a node's neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.numbers import as_floats
from netopsy.graphs.adjacency import GraphLike, as_adjacency

Labels: TypeAlias = Any
"""A guess of 0 or 1 for every node: an array or tensor ``[nodes]``, a mapping, or a function of a node's number."""

Neighbours: TypeAlias = Callable[[int], Any]
"""Tells a node's neighbours, as an array of numbers or as such an array and the weights of the edges."""


@dataclass(frozen=True, eq=False)
class CheckedGraph:
    """An undirected graph in memory whose checks are behind it, made by `checked_graph`.

    Local calls take it as it is: they neither look at all of it nor copy it.
    """

    starts: Int[np.ndarray, "ends"]
    """Where each node's row begins among the entries, and where the last one ends."""
    columns: Int[np.ndarray, "entries"]
    """The neighbours, row after row."""
    weights: Float[np.ndarray, "entries"]
    """The weight of each entry."""
    degrees: Float[np.ndarray, "nodes"]
    """The degree of each node in the graph as it was given; it stays when edges are reweighted."""
    volume: float
    """The sum of all weights, each edge counted at both ends."""
    capacity: float
    """The sum of the degrees, which stays when edges are reweighted."""
    plain: bool = True
    """Whether the weights are still those that the degrees come from."""

    def __len__(self) -> int:
        return len(self.degrees)

    @property
    def edge_count(self) -> int:
        """Edges, each counted once."""
        return len(self.columns) // 2

    def adjacency(self) -> sparse.csr_array:
        """The matrix ``[nodes, nodes]`` of the weights."""
        return sparse.csr_array((self.weights, self.columns, self.starts), (len(self), len(self)))

    def reweighted(self, weights: Any) -> CheckedGraph:
        """The same graph with another weight for each entry, such as `label_edge_weights` gives.

        Raises:
            InputError: not one weight an entry, negative or not finite ones, or an edge with two different ones.
        """
        values = np.ascontiguousarray(as_floats(weights, "weights"))
        require(
            values.shape == self.weights.shape,
            f"weights must have one entry for each of the {len(self.weights)} of the matrix, got {values.shape}",
        )
        require(np.isfinite(values).all(), "weights must be finite, got NaN or infinity")
        require((values >= 0).all(), f"weights must not be negative, got {values.min(initial=0):g}")
        matrix = sparse.csr_array((values, self.columns, self.starts), (len(self), len(self)))
        apart = matrix - matrix.T
        same = apart.nnz == 0 or np.abs(apart.data).max() <= 1e-12 * values.max(initial=0)
        require(same, "weights must be the same both ways: two ends of an edge have different ones")
        return replace(self, weights=values, volume=float(values.sum()), plain=False)


@dataclass(frozen=True, eq=False)
class NeighbourGraph:
    """A graph that is only seen through a function that tells a node's neighbours; it may be endless."""

    neighbours: Neighbours
    degree: Callable[[int], float] | None = None
    """Tells a node's degree, where that is cheaper than listing its neighbours."""

    def row(self, node: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the neighbours and weights of the edges, checked.

        Raises:
            InputError: not numbers of other nodes, each once, or weights that are no positive finite numbers.
        """
        given = self.neighbours(node)
        weighted = isinstance(given, tuple) and len(given) == 2 and np.ndim(given[0]) == 1
        names = np.asarray(given[0] if weighted else given)
        if names.size == 0:
            names = names.astype(np.int64)
        require(
            names.ndim == 1 and np.issubdtype(names.dtype, np.integer),
            f"neighbours of node {node} must be a list of node numbers, got shape {names.shape} of {names.dtype}",
        )
        names = names.astype(np.int64)
        require((names >= 0).all(), f"neighbours of node {node} must be numbers from 0 on, got {names.min(initial=0)}")
        require(node not in names, f"neighbours of node {node} must not hold itself")
        require(len(np.unique(names)) == len(names), f"neighbours of node {node} must be listed once each")
        weights = np.asarray(given[1], dtype=np.float64) if weighted else np.ones(len(names))
        require(
            weights.shape == names.shape and np.isfinite(weights).all() and (weights > 0).all(),
            f"weights of the edges of node {node} must be {len(names)} positive numbers, got {weights}",
        )
        return names, weights

    def degrees(self, nodes: np.ndarray) -> np.ndarray:
        """The degrees of some nodes."""
        if self.degree is not None:
            return np.array([float(self.degree(int(node))) for node in nodes])
        return np.array([self.row(int(node))[1].sum() for node in nodes], dtype=np.float64)


LocalGraph: TypeAlias = CheckedGraph | NeighbourGraph


@checked
def checked_graph(graph: GraphLike, *, weighted: bool = False) -> CheckedGraph:
    """Look at the whole graph once, so that many local calls need not.

    Args:
        graph: an adjacency matrix, a networkx graph, an edge index or a torch_geometric ``Data``.
        weighted: keep the weights of its edges; otherwise each is 1.

    Raises:
        InputError: directed, negative weights, edges from a node to itself, or no node.

    >>> path = checked_graph(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> len(path), path.edge_count, path.degrees.tolist()
    (3, 2, [1.0, 2.0, 1.0])
    """
    if isinstance(graph, CheckedGraph):
        return graph
    matrix = as_adjacency(graph, weighted=weighted)
    weights = np.ascontiguousarray(matrix.data, dtype=np.float64)
    degrees = np.asarray(matrix.sum(axis=1), dtype=np.float64).reshape(-1)
    starts = matrix.indptr.astype(np.int64)
    volume = float(weights.sum())
    return CheckedGraph(starts, matrix.indices.astype(np.int64), weights, degrees, volume, volume)


def local_graph(graph: GraphLike | Neighbours | LocalGraph) -> LocalGraph:
    """A graph for local work from whatever the caller has: a matrix and the like is checked, which reads all of it."""
    if isinstance(graph, CheckedGraph | NeighbourGraph):
        return graph
    if callable(graph) and not hasattr(graph, "adj"):  # a networkx graph is no function, but guard against wrappers
        return NeighbourGraph(graph)
    return checked_graph(graph)


@checked
def label_edge_weights(graph: GraphLike, labels: Labels, *, eps: float = 0.05) -> Float[np.ndarray, "entries"]:
    """The weight of every edge times 1 where its ends have one label, times ``eps`` where they do not.

    This looks at the whole graph. Local work does not need it: `flow_diffusion` and `local_cluster` take ``labels`` and
    look at those of touched nodes alone.

    Returns:
        One weight an entry of the matrix, in CSR order with sorted columns.

    Raises:
        InputError: labels that are not 0 or 1 for each node, or a negative eps.

    Source: section 3, the labelled graph G^w; eps = 0.05, robust from 0.01 to 0.1.

    >>> label_edge_weights(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]), [1, 1, 0], eps=0.05).tolist()
    [1.0, 1.0, 0.05, 0.05]
    """
    checked = checked_graph(graph)
    check_eps(eps)
    values = label_array(labels)
    require(
        values is not None and values.shape == (len(checked),),
        f"labels must be an array of one label for each of the {len(checked)} nodes, got {_described(labels)}",
    )
    assert values is not None
    require(np.isin(values, (0, 1)).all(), "labels must be 0 or 1")
    ends = np.repeat(values, np.diff(checked.starts))
    return checked.weights * np.where(ends == values[checked.columns], 1.0, eps)


def check_eps(eps: float) -> None:
    """Raise `InputError` unless ``eps`` is a weight for edges between different labels."""
    require(np.isfinite(eps) and eps >= 0, f"eps must be a finite number from 0 on, got {eps}")


def label_array(labels: Labels) -> np.ndarray | None:
    """The labels as an array, without copying or reading them where they are one; ``None`` for mappings, functions."""
    if callable(labels) or isinstance(labels, Mapping):
        return None
    detach = getattr(labels, "detach", None)
    values = np.asarray(labels if detach is None else detach().cpu())
    if values.dtype == np.bool_:
        return values.view(np.int8)
    require(
        values.ndim == 1 and np.issubdtype(values.dtype, np.integer),
        f"labels must be 0 or 1 for each node, got shape {values.shape} of {values.dtype}",
    )
    return values


def label_of(labels: Labels, node: int) -> int:
    """One node's label from a mapping or a function."""
    try:
        value = labels[node] if isinstance(labels, Mapping) else labels(node)
    except KeyError:
        raise InputError(f"labels must hold every node that is touched, got none for node {node}") from None
    require(value in (0, 1), f"labels must be 0 or 1, got {value!r} for node {node}")
    return int(value)


def _described(labels: Labels) -> str:
    shape = getattr(labels, "shape", None)
    return type(labels).__name__ if shape is None else str(tuple(shape))
