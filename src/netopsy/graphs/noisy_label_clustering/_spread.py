"""Mass that spreads from seeds: what flow diffusion and PageRank share in touching a graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from netopsy.core.errors import InputError, require
from netopsy.core.numbers import as_floats
from netopsy.graphs.noisy_label_clustering import _kernels as kernels
from netopsy.graphs.noisy_label_clustering._region import (
    COUNT,
    Region,
    empty_region,
    entered,
    row_of,
    seeded,
    slot_of,
    with_room,
    with_row,
)
from netopsy.graphs.noisy_label_clustering.graph import (
    CheckedGraph,
    Labels,
    LocalGraph,
    check_eps,
    label_array,
    label_of,
    local_graph,
)

Sink = str | Any
"""What a node can hold: "one", "degree", or an array ``[nodes]``, a mapping or a function of a node's number."""

_NONE = np.zeros(0, np.int8)


class OverfullError(InputError):
    """More source than the sinks can hold."""


class Spread:
    """Mass on the touched part of a graph, with the rules by which rows, sinks and labels of nodes are read."""

    def __init__(
        self,
        graph: Any,
        *,
        sink: Sink,
        labels: Labels | None = None,
        eps: float = 0.05,
        weights: Any = None,
        from_zero: bool = False,
    ) -> None:
        check_eps(eps)
        self.graph: LocalGraph = local_graph(graph)
        self.eps = float(eps) if labels is not None else 1.0
        self.row_weights: Callable[[int], Any] | None = None
        if weights is not None:
            self._take(weights, labels)
        self.labels = labels
        self._label_array = _NONE if labels is None else label_array(labels)
        size = len(self.graph) if isinstance(self.graph, CheckedGraph) else None
        if size is not None and labels is not None and self._label_array is not None:
            given = self._label_array.shape
            require(given == (size,), f"labels must have one entry for each of the {size} nodes, got {given}")
        self.sink = sink
        self._sink_array = self._sinks(sink, size)
        self.region: Region = empty_region(from_zero=from_zero)
        self.total = 0.0

    def _take(self, weights: Any, labels: Labels | None) -> None:
        require(labels is None, "labels and weights cannot both be given: labels are what makes the weights")
        if callable(weights):
            self.row_weights = weights
            return
        require(isinstance(self.graph, CheckedGraph), "weights must be a function of a node where the graph is one")
        assert isinstance(self.graph, CheckedGraph)
        self.graph = self.graph.reweighted(weights)

    def _sinks(self, sink: Sink, size: int | None) -> np.ndarray | None:
        """The sinks as an array, empty where all are 1; ``None`` where they are asked for one by one."""
        if isinstance(sink, str):
            require(sink in ("one", "degree"), f"sink must be 'one', 'degree' or an array, got {sink!r}")
            if sink == "one":
                return np.zeros(0)
            return self.graph.degrees if isinstance(self.graph, CheckedGraph) else None
        if callable(sink) or isinstance(sink, Mapping):
            return None
        values = as_floats(sink, "sink")
        require(values.ndim == 1, f"sink must have one entry a node, got shape {values.shape}")
        require(
            size is None or len(values) == size,
            f"sink must have one entry for each of the {size} nodes, got {len(values)}",
        )
        require((values > 0).all(), "sink must be positive everywhere")
        return values

    def put(self, source: Mapping[int, float]) -> None:
        """Add mass on some nodes, which get label 1 if they are the first that are touched."""
        self.region = with_room(self.region, len(source), 0)
        label = 1 if self.labels is not None else 0
        places = [seeded(self.region, node, self._sink_of(node), label, mass) for node, mass in source.items()]
        self.total += sum(source.values())
        for node, place in zip(source, places, strict=True):
            self._open(place)
            require(self.region.degree[place] > 0, f"seed {node} is isolated: it has no edge that mass could take")

    def run(self, kernel: Callable[..., int], in_memory: Callable[..., Any], *options: float | int) -> bool:
        """Push until done; true if it ended because nothing was left to do."""
        if kernel is kernels.settle and kernels.overfull(self.region):
            ended = kernels.OVERFULL
        elif self._fast():
            graph: Any = self.graph
            self.region, ended = in_memory(
                self.region,
                graph.starts,
                graph.columns,
                graph.weights,
                self._sink_array,
                self._label_array,
                self.eps,
                *options,
            )
        else:
            ended = kernel(self.region, *options)
            while ended >= 0:
                self._open(ended)
                if kernel is kernels.settle and kernels.overfull(self.region):
                    ended = kernels.OVERFULL
                    break
                ended = kernel(self.region, *options)
        require(ended != kernels.BAD_LABEL, "labels must be 0 or 1, and those of some touched nodes are not")
        if ended == kernels.OVERFULL:
            raise OverfullError(
                f"source must not exceed what the sinks of its component hold: {self.total:g} cannot settle there"
            )
        return bool(ended == kernels.DONE)

    def _fast(self) -> bool:
        asked = self._sink_array is None or self._label_array is None or self.row_weights is not None
        return isinstance(self.graph, CheckedGraph) and not asked

    def _open(self, place: int) -> None:
        """Read the row of a touched node."""
        if self.region.start[place] >= 0:
            return
        node = int(self.region.node[place])
        if self._fast():
            graph: Any = self.graph
            row = row_of(node, graph.starts, graph.columns, graph.weights, self._sink_array, self._label_array)
            require(not (row[3] < 0).any(), f"labels must be 0 or 1, and those of neighbours of node {node} are not")
        else:
            row = self._told_row(node)
        self.region = with_row(self.region, place, *row, self.eps)

    def _told_row(self, node: int) -> tuple[np.ndarray, ...]:
        """The row of a node where functions must be asked; sinks and labels only of nodes not touched before."""
        if isinstance(self.graph, CheckedGraph):
            row = slice(self.graph.starts[node], self.graph.starts[node + 1])
            names, weights = self.graph.columns[row], self.graph.weights[row]
        else:
            names, weights = self.graph.row(node)
        if self.row_weights is not None:
            weights = np.asarray(self.row_weights(node), dtype=np.float64)
            require(
                weights.shape == names.shape and np.isfinite(weights).all() and (weights >= 0).all(),
                f"weights of node {node} must be {len(names)} numbers from 0 on, got shape {weights.shape}",
            )
        new = np.array([self._place(int(name)) < 0 for name in names], dtype=bool)
        sinks, labels = np.ones(len(names)), np.zeros(len(names), np.int8)
        sinks[new] = self._sinks_of(names[new])
        if self.labels is not None:
            labels[new] = [self._label(int(name)) for name in names[new]]
        return names, weights, sinks, labels

    def _label(self, node: int) -> int:
        if self._label_array is None:
            return label_of(self.labels, node)
        require(node < len(self._label_array), f"labels must hold every node that is touched, got none for node {node}")
        return label_of(lambda number: int(self._label_array[number]), node)  # type: ignore[index]

    def _sink_of(self, node: int) -> float:
        return float(self._sinks_of(np.array([node]))[0])

    def _sinks_of(self, nodes: np.ndarray) -> np.ndarray:
        if self._sink_array is not None and len(self._sink_array) == 0:
            return np.ones(len(nodes))
        if self._sink_array is not None:
            known = nodes.max(initial=-1) < len(self._sink_array)
            require(known, f"sink must hold every node that is touched, got none for node {nodes.max(initial=-1)}")
            return self._sink_array[nodes]
        if isinstance(self.sink, str):
            return self.graph.degrees(nodes)  # type: ignore[union-attr,operator]
        if isinstance(self.sink, Mapping):
            absent = [node for node in nodes.tolist() if node not in self.sink]
            require(not absent, f"sink must hold every node that is touched, got none for node {absent[:1]}")
        ask = self.sink.__getitem__ if isinstance(self.sink, Mapping) else self.sink
        values = np.array([float(ask(int(node))) for node in nodes], dtype=np.float64)
        require((values > 0).all(), "sink must be positive everywhere")
        return values

    def _place(self, node: int) -> int:
        return int(self.region.table[slot_of(self.region.table, self.region.node, node)])

    def open_all(self, nodes: np.ndarray) -> np.ndarray:
        """Touch some nodes and read their rows; their places."""
        self.region = with_room(self.region, len(nodes), 0)
        for node in nodes.tolist():
            label = 0 if self.labels is None else self._label(node)
            entered(self.region, node, 1.0, label)
        places = np.array([self._place(node) for node in nodes.tolist()], dtype=np.int64)
        for place in places.tolist():
            self._open(place)
        return places

    def touched(self, name: str) -> np.ndarray:
        """What the region holds under a name, one entry a touched node."""
        return np.array(getattr(self.region, name)[: self.region.size[COUNT]])

    def count(self, what: int) -> int:
        """One of the region's counts."""
        return int(self.region.size[what])

    def conductance(self, places: np.ndarray, volume: float) -> np.ndarray:
        """Of the first one, two, ... of some touched nodes whose rows were read."""
        return np.asarray(kernels.swept(self.region, places.astype(np.int64), float(volume)))


def check_nodes(graph: LocalGraph, nodes: Any, called: str) -> np.ndarray:
    """Numbers of nodes, each once, ascending.

    Raises:
        InputError: none, not integers, or not in the graph.
    """
    one = isinstance(nodes, int | np.integer) and not isinstance(nodes, bool)
    given: Sequence[Any] | np.ndarray = [nodes] if one else nodes
    values = np.asarray(sorted(given) if isinstance(given, set | frozenset) else given)
    require(values.size > 0, f"{called} must name at least one node, got none")
    require(
        values.ndim == 1 and np.issubdtype(values.dtype, np.integer),
        f"{called} must be a node's number or a list of them, got {given!r:.60}",
    )
    values = np.unique(values).astype(np.int64)
    require(values[0] >= 0, f"{called} must be numbers from 0 on, got {values[0]}")
    if isinstance(graph, CheckedGraph) and values[-1] >= len(graph):
        raise InputError(f"{called} names node {values[-1]}, but there are only nodes 0 to {len(graph) - 1}")
    return values
