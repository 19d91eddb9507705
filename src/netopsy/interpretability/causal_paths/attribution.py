"""Where in an image the causes of a class are."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.arguments import checked
from netopsy.core.capture import capturing
from netopsy.core.errors import require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import evaluating, running_on
from netopsy.core.shapes import Images, Maps
from netopsy.interpretability.causal_paths.graph import CausalGraph
from netopsy.interpretability.causal_paths.weight_layers import WeightLayer
from netopsy.interpretability.layer_maps import check_images
from netopsy.interpretability.maps import rescaled, resized

_NUMBERS = 2**24
"""About so many numbers are held at a time."""


@checked
def causal_attribution(
    model: nn.Module,
    graph: CausalGraph,
    images: Images,
    layer: Layer,
    *,
    flip: bool = False,
    resize: bool = True,
    normalise: bool = True,
) -> Float[Tensor, "batch rows columns"]:
    """One map an image: the sum of `causal_maps_by_effect` over the effects.

    Raises:
        InputError: the layer is no convolution of the graph, or the images do not go through the network.

    >>> from netopsy.interpretability.causal_paths.discovery import discover_causal_graph
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    >>> images = torch.rand(20, 1, 8, 8)
    >>> graph = discover_causal_graph(net, images, int(net(images).argmax(1).mode().values))
    >>> causal_attribution(net, graph, images, "0").shape
    torch.Size([20, 8, 8])
    """
    maps = causal_maps_by_effect(model, graph, images, layer, flip=flip, resize=resize).sum(1)
    return rescaled(maps) if normalise else maps


@checked
def causal_maps_by_effect(
    model: nn.Module, graph: CausalGraph, images: Images, layer: Layer, *, flip: bool = False, resize: bool = True
) -> Float[Tensor, "batch effects rows columns"]:
    """For each effect of a convolution, where its causes answer.

    With A the layer's input, ``v_i = A_i * W[e, i]`` for each cause i; each v_i goes through a softmax over its
    positions, and the map of e is the mean over the causes. One pass over the images, nothing behind the layer is used.

    Args:
        graph: of the class to explain.
        layer: a convolution of the graph.
        flip: convolve at full size with turned kernels, as the reference code does, instead of what the layer does.
        resize: to the size of the images; otherwise the layer's grid (larger by the kernel's reach with ``flip``).

    Raises:
        InputError: as `causal_attribution`.

    Source: Ahmad et al. 2024, image attribution, from public code; there A is the output of the layer below before its
        nonlinearity, here it is what the layer is given.

    >>> from netopsy.interpretability.causal_paths.discovery import discover_causal_graph
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    >>> images = torch.rand(20, 1, 8, 8)
    >>> graph = discover_causal_graph(net, images, int(net(images).argmax(1).mode().values))
    >>> maps = causal_maps_by_effect(net, graph, images, "0", resize=False)
    >>> maps.shape == (20, len(graph["0"].effects), 6, 6)
    True
    """
    check_images(images)
    [name] = layer_names(model, [layer], runs=False)
    part = graph[name]
    module = dict(model.named_modules())[name]
    require(isinstance(module, nn.Conv2d), f"layer {name!r} is a {type(module).__name__}; maps need a convolution")
    assert isinstance(module, nn.Conv2d)
    require(len(part.causes) > 0, f"the graph has no causes at layer {name!r}; choose a layer above it")
    require(
        module.in_channels == part.nodes, f"layer {name!r} has {module.in_channels} inputs: another network's graph"
    )
    given: dict[str, Tensor] = {}
    with torch.no_grad(), evaluating(model), capturing(model, name, inputs=given) as seen, running_on(images, model):
        model(images)
    maps = torch.stack(
        list(_maps(WeightLayer(name, module, part.nodes, 1), part.effects, part.causes, given[name], flip)), 1
    )
    del seen
    size = (images.shape[2], images.shape[3])
    return resized(maps.flatten(0, 1), size).reshape(*maps.shape[:2], *size) if resize else maps


def _maps(layer: WeightLayer, effects: Tensor, causes: Tensor, inputs: Tensor, flip: bool) -> Iterator[Maps]:
    edges = layer.edges()
    chunk = max(1, _NUMBERS // max(1, inputs[:, :1].numel() * len(causes)))
    for some in effects.split(chunk):
        if flip:
            kernels = edges[some][:, causes].flip(-1, -2)
            reach = [size - 1 for size in kernels.shape[-2:]]
            # One output for each pair of an effect and a cause, from that cause's channel alone.
            values = functional.conv2d(
                inputs[:, causes], kernels.transpose(0, 1).flatten(0, 1)[:, None], padding=reach, groups=len(causes)
            ).unflatten(1, (len(causes), len(some)))
        else:
            values = layer.contributions(inputs, edges[some], causes)
        answers = values.flatten(3).softmax(3).reshape(values.shape)
        yield from answers.mean(1).unbind(1)
