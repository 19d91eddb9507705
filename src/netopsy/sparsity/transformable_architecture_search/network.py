"""The network that is searched: full weights, of which every forward pass sees drawn sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd

from netopsy.core.errors import lookup
from netopsy.core.seeds import seeded
from netopsy.models import initialise
from netopsy.sparsity.transformable_architecture_search.building import sequence
from netopsy.sparsity.transformable_architecture_search.channels import channel_interpolate, zero_fill
from netopsy.sparsity.transformable_architecture_search.layout import Block, Layer, Stage
from netopsy.sparsity.transformable_architecture_search.sizes import Sample
from netopsy.sparsity.transformable_architecture_search.space import ShapeSpace

AGGREGATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {"interpolate": channel_interpolate, "pad": zero_fill}
"""How feature maps of different widths are brought to one before they are added."""


class SearchNetwork(nn.Module):
    """The full network with a batch normalisation for every candidate width of every layer.

    A layer runs once, whatever is drawn; the channels of each drawn width are normalised by their own, brought to the
    largest drawn width and added with their weights. Figure 2 of Dong and Yang 2019.
    """

    def __init__(self, space: ShapeSpace, *, aggregate: str = "interpolate", seed: int = 0) -> None:
        super().__init__()
        self.space, self.widen = space, lookup("aggregate", aggregate, AGGREGATIONS)
        with seeded(seed):  # torch's layers draw weights of their own first
            self.stages = nn.ModuleList(_SearchStage(stage, space.candidates, self.widen) for stage in space.stages)
            self.before_first, self.before_head = sequence(space.before_first), sequence(space.before_head)
            self.head = space.head.module(space.head.inputs, space.head.width)
        initialise(self, "he_normal", seed=seed)

    def forward(self, inputs: Tensor, sample: Sample) -> Tensor:
        """The outputs with the drawn sizes."""
        features = self.before_first(inputs)
        for stage in self.stages:
            features = stage(features, sample)
        return _narrowed(self.head, self.before_head(features), self.space.head.width)


class _SearchStage(nn.Module):
    def __init__(self, stage: Stage, candidates: dict[str, tuple[int, ...]], widen: Callable[..., Tensor]) -> None:
        super().__init__()
        self.stage, self.widen = stage, widen
        self.blocks = nn.ModuleList(_SearchBlock(block, candidates, widen) for block in stage.blocks)

    def forward(self, features: Tensor, sample: Sample) -> Tensor:
        ends = []
        for number, block in enumerate(self.blocks, start=1):
            features = block(features, sample)
            if number in self.stage.depths:
                ends.append(features)
        if len(ends) == 1:
            return features
        return _mixed(ends, sample.depth[self.stage.name], self.widen)


class _SearchBlock(nn.Module):
    def __init__(self, block: Block, candidates: dict[str, tuple[int, ...]], widen: Callable[..., Tensor]) -> None:
        super().__init__()
        self.block = block
        self.layers = nn.ModuleList(_SearchLayer(layer, candidates[layer.name], widen) for layer in block.layers)
        own = candidates[block.last.name]
        self.shortcut = _SearchLayer(block.shortcut, own, widen) if block.projects and block.shortcut else None
        self.after = sequence(block.after)

    def forward(self, features: Tensor, sample: Sample) -> Tensor:
        inputs = features
        for layer, own in zip(self.layers, self.block.layers, strict=True):
            features = layer(features, sample.index[own.name], sample.weight[own.name])
        if self.block.residual:
            last = self.block.last.name  # the shortcut has the widths of the last layer
            around = inputs if self.shortcut is None else self.shortcut(inputs, sample.index[last], sample.weight[last])
            wide = max(features.shape[1], around.shape[1])
            features = zero_fill(features, wide) + zero_fill(around, wide)
        found: Tensor = self.after(features)
        return found


class _SearchLayer(nn.Module):
    def __init__(self, layer: Layer, candidates: Sequence[int], widen: Callable[..., Tensor]) -> None:
        super().__init__()
        self.layer, self.candidates, self.widen = layer, candidates, widen
        self.full = layer.module(layer.inputs, layer.width)
        self.norms = nn.ModuleList(layer.normalisation(width) for width in candidates)
        self.after = sequence(layer.after)

    def forward(self, features: Tensor, index: Sequence[int], weight: Tensor) -> Tensor:
        wide = max(self.candidates[j] for j in index)
        whole = _narrowed(self.full, features, wide)
        parts = [self.norms[j](whole[:, : self.candidates[j]]) for j in index]
        found: Tensor = self.after(_mixed(parts, weight, self.widen))
        return found


def _narrowed(full: nn.Module, features: Tensor, width: int) -> Tensor:
    """The first ``width`` outputs of a layer for ``features`` with zeros in place of the channels that they lack.

    Zeros need not be multiplied, and what no drawn width reads need not be computed. A flattened grid lies channel by
    channel, so its missing channels are the last ones, too.
    """
    assert isinstance(full, nn.Linear | _ConvNd)
    weight = full.weight[:width, : features.shape[1]]
    bias = None if full.bias is None else full.bias[:width]
    if isinstance(full, nn.Linear):
        return functional.linear(features, weight, bias)
    run = {3: functional.conv1d, 4: functional.conv2d, 5: functional.conv3d}[weight.ndim]
    return run(features, weight, bias, full.stride, full.padding, full.dilation)  # type: ignore[no-any-return,operator]


def _mixed(parts: Sequence[Tensor], weights: Tensor, widen: Callable[..., Tensor]) -> Tensor:
    """The weighted sum of feature maps, brought to the widest of them."""
    wide = max(part.shape[1] for part in parts)
    total = weights[0] * widen(parts[0], wide)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        total = torch.addcmul(total, weight, widen(part, wide))
    return total
