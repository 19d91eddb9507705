"""Causal graphs on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netopsy.core.errors import require
from netopsy.core.stored import read_record, write_record

if TYPE_CHECKING:
    from netopsy.interpretability.causal_paths.graph import CausalGraph

KIND = "a causal graph"


def save(graph: CausalGraph, path: str | Path) -> None:
    """Write the graph to one file."""
    from netopsy.interpretability.causal_paths.graph import LayerCauses

    write_record(path, KIND, graph, records=(LayerCauses,))


def load(path: str | Path) -> CausalGraph:
    """What `save` wrote.

    Raises:
        InputError: a file that is not there, is damaged or holds something else, or nodes that no layer has.
    """
    from netopsy.interpretability.causal_paths.graph import CausalGraph, LayerCauses

    graph = read_record(path, KIND, CausalGraph, records=(LayerCauses,))
    for layer in graph.layers:
        lengths = {len(each) for each in (layer.tested, layer.effect_mean, layer.relative_mean, layer.kl_mean, layer.z)}
        inside = all(((each >= 0) & (each < layer.nodes)).all() for each in (layer.causes, layer.tested))
        fine = inside and len(lengths) == 1 and bool((layer.effects >= 0).all())
        require(fine, f"{str(path)!r} holds nodes or effects that layer {layer.name!r} of its graph cannot have")
    return graph
