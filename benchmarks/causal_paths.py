"""The causal graph of a class against writing the weights and running the whole network for every node."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.timing import Comparison, Growth
from netopsy.interpretability.causal_paths import discover_causal_graph
from netopsy.models import lenet


def benchmarks() -> Iterator[Comparison | Growth]:
    """LeNet on 100 images of 32x32 of one class; then the growth with the images' side."""
    model, images, target = setting(32, 100)
    ours = discover_causal_graph(model, images, target)
    assert [layer.causes.tolist() for layer in ours.layers[:-1]] == by_writing_weights(model, images, target)
    yield Comparison(
        "causal_graph",
        partial(discover_causal_graph, model, images, target),
        partial(by_writing_weights, model, images, target),
        target=0.2,
        peer_name="weights written, whole passes",
        rounds=5,
    )
    yield Growth(
        "causal_graph_image_side",
        {side: partial(discover_causal_graph, *setting(side, 16)) for side in (32, 64, 128, 224)},
        size_name="side",
    )


def setting(side: int, count: int) -> tuple[nn.Sequential, Tensor, int]:
    """A network with random weights and images that it gives one class."""
    model = lenet(channels=3, size=side, seed=0).eval()
    random = torch.Generator().manual_seed(0)
    images = torch.rand(1, 3, side, side, generator=random) + 0.02 * torch.randn(count, 3, side, side, generator=random)
    with torch.no_grad():
        answers = model(images).argmax(1)
    target = int(answers.mode().values)
    return model, images[answers == target], target


def by_writing_weights(model: nn.Sequential, images: Tensor, target: int) -> list[list[int]]:
    """How the reference does it, re-created: node by node, weights overwritten, whole forward passes, restored."""
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    found, effects = [], [target]
    with torch.no_grad():
        before = model(images)[:, target]
        for below, layer in zip(reversed(layers[:-1]), reversed(layers[1:]), strict=True):
            nodes = below.weight.shape[0]
            block = layer.weight.shape[1] // nodes
            causes = []
            for node in range(nodes):
                columns = slice(node * block, (node + 1) * block)
                kept = layer.weight[effects, columns].clone()
                layer.weight[effects, columns] = 0
                after = model(images)[:, target]
                layer.weight[effects, columns] = kept
                error = math.sqrt((after.var() + before.var()) / len(images))
                if float((after - before).mean()) < -1.6448536 * error:
                    causes.append(node)
            found.append(causes)
            effects = causes
    return found
