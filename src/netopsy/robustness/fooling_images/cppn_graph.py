"""The graph of a pattern-producing network, and how its connections and nodes change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from netopsy.core.errors import require

INPUTS = 4
"""Column, row, distance to the centre, 1."""
FUNCTIONS = ("sine", "sigmoid", "gaussian", "linear")
"""``sin p``, ``2 sigma(p) - 1``, ``exp(-p^2)`` and ``p`` clipped at 3 over 3; of a node, by number."""


class CPPN(NamedTuple):
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
    outputs, functions = graph.outputs, list(graph.functions)
    sources, targets, weights = list(graph.sources), list(graph.targets), list(graph.weights)
    add, source, target, weight, delete, which, split, middle, function, drop = draws
    if add < rates.add_connection:
        place = _free_place(sources, targets, outputs, len(functions), source, target)
        if place is not None:
            sources.append(place[0])
            targets.append(place[1])
            weights.append(weight)
    if delete < rates.delete_connection and sources:
        edge = int(which * len(sources))
        del sources[edge], targets[edge], weights[edge]
    if split < rates.split_connection and sources:
        edge = int(middle * len(sources))
        new = INPUTS + len(functions)
        functions.append(int(function * len(FUNCTIONS)))
        sources += (sources.pop(edge), new)
        targets += (new, targets.pop(edge))
        weights += (weights.pop(edge),) * 2
    hidden = len(functions) - outputs
    if drop < rates.delete_node and hidden:
        # The same draw, stretched to 0 to 1 where it says yes, chooses the node.
        gone = INPUTS + outputs + int(drop / rates.delete_node * hidden)
        del functions[gone - INPUTS]
        kept = [edge for edge, start in enumerate(sources) if gone not in (start, targets[edge])]
        weights = [weights[edge] for edge in kept]
        sources, targets = ([ends[edge] - (ends[edge] > gone) for edge in kept] for ends in (sources, targets))
    return CPPN(outputs, tuple(functions), tuple(sources), tuple(targets), tuple(weights))


def _free_place(
    sources: list[int], targets: list[int], outputs: int, nodes: int, from_draw: float, to_draw: float
) -> tuple[int, int] | None:
    """A connection that can be added: from a node that is no output to one that is neither an input, nor the source or
    an ancestor of it, nor connected to it already. ``None`` where the source drawn has none.
    """
    source = int(from_draw * (INPUTS + nodes - outputs))
    if source < INPUTS:  # which nothing leads to
        taken = {source}
    else:
        source += outputs
        taken = _with_ancestors(source, sources, targets)
    taken.update([end for start, end in zip(sources, targets, strict=True) if start == source])
    free = [node for node in range(INPUTS, INPUTS + nodes) if node not in taken]
    return (source, free[int(to_draw * len(free))]) if free else None


def _with_ancestors(node: int, sources: list[int], targets: list[int]) -> set[int]:
    found, waiting = {node}, [node]
    while waiting:
        end = waiting.pop()
        for start in [start for start, own in zip(sources, targets, strict=True) if own == end]:
            if start not in found:
                found.add(start)
                waiting.append(start)
    return found
