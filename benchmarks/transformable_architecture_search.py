"""A step of the search against a run of each layer for every width, and how reading a network grows with its depth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import Comparison, Growth
from netopsy.models.resnet import ResNet
from netopsy.sparsity.transformable_architecture_search import ShapeSpace, channel_interpolate
from netopsy.sparsity.transformable_architecture_search.channels import zero_fill
from netopsy.sparsity.transformable_architecture_search.network import SearchNetwork
from netopsy.sparsity.transformable_architecture_search.sizes import Sample, SizeLogits


def benchmarks() -> Iterator[Comparison | Growth]:
    """Forward and backward of a ResNet-20 in a search, and the space of ever deeper networks."""
    network = SearchNetwork(ShapeSpace.resnet((16, 32, 64), 3))
    images, labels = torch.rand(64, 3, 32, 32), torch.arange(64) % 10
    sample = SizeLogits(network.space, seed=0).sample(1.0, 2, torch.Generator().manual_seed(0))
    check(network, images[:8], sample)

    def ours() -> None:
        F.cross_entropy(network(images, detached(sample)), labels).backward()

    def theirs() -> None:
        F.cross_entropy(layer_by_candidate(network, images, detached(sample)), labels).backward()

    yield Comparison("tas_step", ours, theirs, target=0.8, peer_name="a run of the layer for each width", rounds=5)

    yield Growth("tas_read_blocks", {n: partial(read, n) for n in (3, 9, 18)}, size_name="blocks a stage")


def detached(sample: Sample) -> Sample:
    """Weights that need no gradient."""
    weight = {name: value.detach() for name, value in sample.weight.items()}
    return Sample(sample.index, weight, {name: value.detach() for name, value in sample.depth.items()})


def layer_by_candidate(network: SearchNetwork, images: Tensor, sample: Sample) -> Tensor:
    """The same sizes, with inputs filled up with zeros and each layer run once for every width."""

    def run(layer: nn.Module, features: Tensor, index: list[int], weight: Tensor) -> Tensor:
        wide = max(layer.candidates[j] for j in index)
        filled = zero_fill(features, layer.layer.inputs)
        parts = [layer.norms[j](layer.full(filled)[:, : layer.candidates[j]]) for j in index]
        mixed = [w * channel_interpolate(part, wide) for part, w in zip(parts, weight, strict=True)]
        return layer.after(torch.stack(mixed).sum(0))

    features = images
    for stage in network.stages:
        ends = []
        for number, block in enumerate(stage.blocks, start=1):
            around = features
            for layer in block.layers:
                name = layer.layer.name
                features = run(layer, features, sample.index[name], sample.weight[name])
            if block.block.residual:
                last = block.block.last.name
                if block.shortcut is not None:
                    around = run(block.shortcut, around, sample.index[last], sample.weight[last])
                wide = max(features.shape[1], around.shape[1])
                features = zero_fill(features, wide) + zero_fill(around, wide)
            features = block.after(features)
            if number in stage.stage.depths:
                ends.append(features)
        if len(ends) > 1:
            wide = max(end.shape[1] for end in ends)
            weights = sample.depth[stage.stage.name]
            features = sum(w * channel_interpolate(end, wide) for end, w in zip(ends, weights, strict=True))
    return network.head(zero_fill(network.before_head(features), network.space.head.inputs))


@torch.no_grad()
def check(network: SearchNetwork, images: Tensor, sample: Sample) -> None:
    """Both ways compute the same."""
    torch.testing.assert_close(
        network(images, sample), layer_by_candidate(network, images, sample), atol=1e-4, rtol=1e-3
    )


def read(blocks: int) -> ShapeSpace:
    """The space of a residual network of some depth."""
    return ShapeSpace.from_module(ResNet(3, 10, (8, 16, 32), [blocks] * 3), torch.zeros(1, 3, 16, 16))
