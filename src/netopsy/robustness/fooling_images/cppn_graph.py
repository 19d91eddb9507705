"""The graph of a pattern-producing network, and how its connections and nodes change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from netopsy.core.errors import require

INPUTS = 4
"""Column, row, distance to the centre, 1."""
FUNCTIONS = ("sine", "sigmoid", "gaussian", "linear")
"""``sin p``, ``2 sigma(p) - 1``, ``exp(-p^2)`` and ``p`` clipped at 3 over 3; of a node, by number."""


@dataclass(frozen=True, slots=True)
class CPPN:
    """A directed graph without cycles and without parallel connections.

    Nodes are numbered: the inputs 0 to 3, then the outputs, which are no source, then the hidden nodes.
    """

    outputs: int
    functions: tuple[int, ...]
    """Of the outputs and the hidden nodes, by number in `FUNCTIONS`."""
    sources: tuple[int, ...]
    """Where each connection starts."""
    targets: tuple[int, ...]
    """Where each connection ends."""
    weights: tuple[float, ...]
    """From 0 to 1, used as ``20 w - 10``."""

    @property
    def hidden(self) -> int:
        """How many hidden nodes there are."""
        return len(self.functions) - self.outputs


@dataclass(frozen=True)
class Rates:
    """How likely each change of a graph is, in the order in which they are made."""

    DRAWS: ClassVar[int] = 10
    """Uniform numbers that the changes of one graph use."""

    add_connection: float | int = 0.5
    """Between two nodes, so that no cycle comes about; nothing where the source drawn is connected to all it may be."""
    delete_connection: float | int = 0.3
    split_connection: float | int = 0.5
    """A new node in its middle, with a random function; both halves inherit its weight."""
    delete_node: float | int = 0.2
    """A hidden one, with its connections."""


RATES = Rates()


def changed_graph(graph: CPPN, rates: Rates, draws: list[float]) -> CPPN:
    """The graph after the changes that uniform ``draws`` decide on.

    >>> one = CPPN(1, (0,), (0, 3), (4, 4), (0.5, 0.25))
    >>> split = changed_graph(one, Rates(0, 0, 1, 0), [0.0] * Rates.DRAWS)
    >>> split.hidden, split.sources, split.targets, split.weights
    (1, (3, 0, 5), (4, 5, 4), (0.25, 0.5, 0.5))
    """
    require(len(draws) == Rates.DRAWS, f"draws must be {Rates.DRAWS} numbers, got {len(draws)}")
    functions = list(graph.functions)
    edges = list(zip(graph.sources, graph.targets, graph.weights, strict=True))
    add, source, target, weight, delete, which, split, middle, function, drop = draws
    if add < rates.add_connection:
        _connect(edges, graph.outputs, len(functions), (source, target, weight))
    if delete < rates.delete_connection and edges:
        del edges[int(which * len(edges))]
    if split < rates.split_connection and edges:
        start, end, own = edges.pop(int(middle * len(edges)))
        new = INPUTS + len(functions)
        functions.append(int(function * len(FUNCTIONS)))
        edges += [(start, new, own), (new, end, own)]
    hidden = len(functions) - graph.outputs
    if drop < rates.delete_node and hidden:
        # The same draw, stretched to 0 to 1 where it says yes, chooses the node.
        gone = INPUTS + graph.outputs + int(drop / rates.delete_node * hidden)
        del functions[gone - INPUTS]
        edges = [
            (start - (start > gone), end - (end > gone), own) for start, end, own in edges if gone not in (start, end)
        ]
    sources, targets, weights = zip(*edges, strict=True) if edges else ((), (), ())
    return CPPN(graph.outputs, tuple(functions), sources, targets, weights)


def _connect(edges: list[tuple[int, int, float]], outputs: int, nodes: int, draws: tuple[float, float, float]) -> None:
    """Add a connection from a node that is no output to one that is neither an input, nor the source or an ancestor of
    it, nor connected to it already.
    """
    starts = INPUTS + nodes - outputs
    source = int(draws[0] * starts)
    source += outputs * (source >= INPUTS)
    before: dict[int, list[int]] = {}
    taken = {source}
    for start, end, _ in edges:
        before.setdefault(end, []).append(start)
        if start == source:
            taken.add(end)
    waiting = [source]
    while waiting:
        for node in before.get(waiting.pop(), ()):
            if node not in taken:
                taken.add(node)
                waiting.append(node)
    free = [node for node in range(INPUTS, INPUTS + nodes) if node not in taken]
    if free:
        edges.append((source, free[int(draws[1] * len(free))], draws[2]))
