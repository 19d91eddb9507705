"""Causal graphs on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from netopsy.core.errors import require
from netopsy.core.stored import read_record, write_record

Graph = TypeVar("Graph")

KIND = "a causal graph"


def save(graph: Any, path: str | Path) -> None:
    """Write the graph to one file."""
    write_record(path, KIND, graph, records=[type(layer) for layer in graph.layers[:1]])


def load(path: str | Path, graph: type[Graph], causes: type) -> Graph:
    """What `save` wrote, of these types of a graph and of its layers.

    Raises:
        InputError: a file that is not there, is damaged or holds something else, or nodes that no layer has.
    """
    found: Any = read_record(path, KIND, graph, records=(causes,))
    for layer in found.layers:
        lengths = {len(each) for each in (layer.tested, layer.effect_mean, layer.relative_mean, layer.kl_mean, layer.z)}
        inside = all(((each >= 0) & (each < layer.nodes)).all() for each in (layer.causes, layer.tested))
        fine = inside and len(lengths) == 1 and bool((layer.effects >= 0).all())
        require(fine, f"{str(path)!r} holds nodes or effects that layer {layer.name!r} of its graph cannot have")
    return found  # type: ignore[no-any-return]
