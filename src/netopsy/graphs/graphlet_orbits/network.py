"""A simple graph made ready for counting, with what is counted along its edges kept once it is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from netopsy.core.errors import require
from netopsy.graphs.adjacency import GraphLike, as_adjacency
from netopsy.graphs.graphlet_orbits.sweep import Rows, sweep

Counts: TypeAlias = np.ndarray[Any, np.dtype[Any]]
"""Integers "by position": one for each entry of the adjacency matrix, in CSR order."""


@dataclass(frozen=True, eq=False)
class Network:
    """A simple undirected graph in CSR form."""

    starts: Counts
    columns: Counts
    threads: int

    @classmethod
    def of(cls, graph: GraphLike, threads: int | None = None, called: str = "A") -> Network:
        """The network of any form of graph.

        Raises:
            InputError: what `as_adjacency` raises, weights other than 1, no edge, or fewer than one thread.
        """
        if threads is None:
            import torch

            threads = torch.get_num_threads()
        require(threads >= 1, f"threads must be at least 1, got {threads}")
        adjacency = as_adjacency(graph, weighted=True, called=called)
        require(adjacency.nnz > 0, f"{called} must have at least one edge, got an empty graph")
        odd = adjacency.data[adjacency.data != 1]
        require(odd.size == 0, f"{called} must have no weights, every entry 0 or 1, got {odd[:1]}")
        return cls(adjacency.indptr.astype(np.int64), adjacency.indices.astype(np.uint32), threads)

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return len(self.starts) - 1

    @cached_property
    def degrees(self) -> Counts:
        """Neighbours of every node."""
        return np.diff(self.starts)

    @cached_property
    def values_type(self) -> type[np.signedinteger[Any]]:
        """An integer that holds every count: none is larger than the square of the largest degree."""
        return np.int32 if int(self.degrees.max()) ** 2 < 2**31 else np.int64

    @cached_property
    def rows(self) -> Counts:
        """The row of every position."""
        return np.repeat(np.arange(self.nodes), self.degrees)

    @cached_property
    def twins(self) -> Counts:
        """By position ``(i, j)``, where ``(j, i)`` is."""
        return np.lexsort((self.rows, self.columns))

    @cached_property
    def ranks(self) -> Counts:
        """The place of every node when they are ordered by degree."""
        ranks = np.empty(self.nodes, np.int64)
        ranks[np.argsort(self.degrees, kind="stable")] = np.arange(self.nodes)
        return ranks

    @cached_property
    def triangles(self) -> Counts:
        """By position, the common neighbours of both ends."""
        from netopsy.graphs.graphlet_orbits._edge_kernels import triangles

        counts = np.zeros(len(self.columns), np.int32)
        triangles(self.starts, self.columns, self.twins, self.ranks, counts)
        return counts

    @cached_property
    def triangle_sums(self) -> tuple[Counts, Counts]:
        """By position, the entries of T A and of P12 A."""
        from netopsy.graphs.graphlet_orbits._edge_kernels import triangle_sums

        corners, arms = np.zeros(len(self.columns), np.int64), np.zeros(len(self.columns), np.int64)
        triangle_sums(self.starts, self.columns, self.twins, self.ranks, self.triangles, corners, arms)
        return corners, arms

    @cached_property
    def cycles(self) -> Counts:
        """By position, the cycles of four that an edge lies on, with chords or without."""
        from netopsy.graphs.graphlet_orbits._edge_kernels import cycles

        counts = np.zeros(len(self.columns), np.int64)
        cycles(self.starts, self.columns, self.twins, self.ranks, counts)
        return counts

    @cached_property
    def paths(self) -> Rows:
        """P11: the paths of two edges between nodes that are no neighbours."""
        from netopsy.graphs.graphlet_orbits._row_kernels import paths_between

        return sweep(paths_between, (self.starts, self.columns), self.walks(2), self.values_type, self.threads)

    @cached_property
    def _edges_between(self) -> tuple[Counts, Rows]:
        from netopsy.graphs.graphlet_orbits._edge_kernels import common_neighbours
        from netopsy.graphs.graphlet_orbits._row_kernels import edges_between

        offsets = np.zeros(len(self.columns) + 1, np.int64)
        np.cumsum(np.where(self.ranks[self.rows] > self.ranks[self.columns], self.triangles, 0), out=offsets[1:])
        common = np.empty(offsets[-1], np.uint32)
        common_neighbours(self.starts, self.columns, self.ranks, offsets, common)
        cliques = np.zeros(len(self.columns), np.int64)
        bounds = np.where(self.summed(self.triangles) > 0, self.walks(2), 0)
        given = (self.starts, self.columns, self.triangles, offsets, common, cliques)
        return cliques, sweep(edges_between, given, bounds, self.values_type, self.threads)

    @property
    def cliques(self) -> Counts:
        """By position, the edges among the common neighbours of both ends."""
        return self._edges_between[0]

    @property
    def diamonds(self) -> Rows:
        """The edges among the common neighbours of two nodes that are none themselves."""
        return self._edges_between[1]

    def walks(self, length: int) -> Counts:
        """How many walks of a length begin at each node, at most as many as there are nodes: a bound on its row."""
        total = np.ones(self.nodes, np.float64)
        for _ in range(length):
            total = self.summed(total[self.columns])
        return np.minimum(total, self.nodes).astype(np.int64)

    def summed(self, by_position: Counts) -> Counts:
        """The sum of every row, of integers in integers: past 2^53 floats lose the last of them."""
        kind: Any = np.float64 if by_position.dtype.kind == "f" else np.int64
        total = np.zeros(self.nodes, kind)
        some = np.flatnonzero(self.degrees)
        if some.size:
            total[some] = np.add.reduceat(by_position, self.starts[some], dtype=kind)
        return total

    def on_edges(self, values: Counts) -> sparse.csr_array:
        """The matrix that has these values by position; zeros are not kept."""
        indices, kept = self.columns.astype(np.int32), values.astype(self.values_type)
        matrix = sparse.csr_array((kept, indices, self.starts.astype(np.int32)), shape=(self.nodes, self.nodes))
        matrix.eliminate_zeros()
        return matrix
