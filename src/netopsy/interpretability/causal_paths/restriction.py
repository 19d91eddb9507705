"""The network with nothing but its causal edges, and the one without them: is the graph enough, and is it needed?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.layers import layer_names
from netopsy.interpretability.causal_paths.graph import CausalGraph
from netopsy.interpretability.causal_paths.plain_weights import make_plain
from netopsy.interpretability.causal_paths.weight_layers import WeightLayer

Rows = Literal["keep", "zero"]


@checked
def restricted_model(model: nn.Module, graph: CausalGraph, *, rows: Rows = "keep") -> nn.Module:
    """A copy of the network in which the effects see nothing but their causes.

    Where a layer of the graph computes its weight (weight or spectral norm, a pruning mask), the copy's has what that
    came to as a plain parameter, so that the edges stay cut.

    Args:
        rows: ``"keep"`` sets the other edges into the effects to zero and leaves all other weights; ``"zero"`` sets all
            other weights of the graph's layers to zero, as the reference code does: rival classes are then left with
            their biases, so that their scores say nothing.

    Raises:
        InputError: the graph is of another network.

    >>> from netopsy.interpretability.causal_paths.discovery import discover_causal_graph
    >>> net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    >>> _ = net[0].weight.data.copy_(torch.eye(2)), net[2].weight.data.copy_(torch.tensor([[1.0, -0.5], [0.5, 1.0]]))
    >>> graph = discover_causal_graph(net, torch.tensor([[2.0, 0.1], [2.1, 0.2], [1.9, 0.1]]), 0)
    >>> graph["2"].causes.tolist(), restricted_model(net, graph)[2].weight.tolist()
    ([0], [[1.0, 0.0], [0.5, 1.0]])
    """
    require(rows in ("keep", "zero"), f"rows must be 'keep' or 'zero', got {rows!r}")
    other = copied(model)
    for layer, causes, effects in _parts(other, graph, None):
        edges = layer.edges()
        kept = torch.zeros_like(edges)
        kept[effects[:, None], causes] = edges[effects[:, None], causes]
        if rows == "keep":
            rest = torch.ones(len(edges), dtype=torch.bool, device=edges.device)
            rest[effects] = False
            kept[rest] = edges[rest]
        layer.write(kept)
    return other


@checked
def ablated_model(model: nn.Module, graph: CausalGraph, layers: Sequence[str] | None = None) -> nn.Module:
    """A copy of the network in which the causal edges are zero, and nothing else is changed.

    Weights that a layer of the graph computes become plain parameters, as in `restricted_model`.

    Args:
        layers: of the graph, those to cut; all by default.

    Raises:
        InputError: the graph is of another network, or has no such layer.

    >>> from netopsy.interpretability.causal_paths.discovery import discover_causal_graph
    >>> net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    >>> _ = net[0].weight.data.copy_(torch.eye(2)), net[2].weight.data.copy_(torch.tensor([[1.0, -0.5], [0.5, 1.0]]))
    >>> graph = discover_causal_graph(net, torch.tensor([[2.0, 0.1], [2.1, 0.2], [1.9, 0.1]]), 0)
    >>> ablated_model(net, graph, ["2"])[2].weight.tolist()
    [[0.0, -0.5], [0.5, 1.0]]
    """
    other = copied(model)
    for layer, causes, effects in _parts(other, graph, layers):
        edges = layer.edges()
        edges[effects[:, None], causes] = 0
        layer.write(edges)
    return other


def _parts(
    model: nn.Module, graph: CausalGraph, names: Sequence[str] | None
) -> list[tuple[WeightLayer, Tensor, Tensor]]:
    chosen = graph.layers if names is None else [graph[name] for name in names]
    modules = dict(model.named_modules())
    parts = []
    for layer in chosen:
        layer_names(model, layer.name, runs=False)
        module = modules[layer.name]
        require(
            isinstance(module, nn.Conv2d | nn.Linear),
            f"layer {layer.name!r} is a {type(module).__name__}: the graph is of another network",
        )
        assert isinstance(module, nn.Conv2d | nn.Linear)
        inputs = module.in_channels if isinstance(module, nn.Conv2d) else module.in_features
        outputs = module.out_channels if isinstance(module, nn.Conv2d) else module.out_features
        fits = inputs % layer.nodes == 0 and int(layer.effects.max()) < outputs
        require(fits, f"layer {layer.name!r} has {inputs} inputs, the graph's {layer.nodes}: it is of another network")
        make_plain(layer.name, module)
        parts.append((WeightLayer(layer.name, module, layer.nodes, inputs // layer.nodes), layer.causes, layer.effects))
    return parts
