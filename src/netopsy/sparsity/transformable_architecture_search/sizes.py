"""The logits of all sizes in one table, and what is drawn and read off from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.seeds import generator
from netopsy.sparsity.transformable_architecture_search.gumbel import gumbel_softmax, gumbel_topk_weights
from netopsy.sparsity.transformable_architecture_search.space import Shape, ShapeSpace

START_SCALE = 0.01
"""Standard deviation of the logits that a search starts from."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The sizes of one forward pass."""

    index: dict[str, list[int]]
    """Layer to the drawn candidates."""
    weight: dict[str, Tensor]
    """Layer to their weights."""
    depth: dict[str, Tensor]
    """Stage to the weights of its depths."""


class SizeLogits(nn.Module):
    """alpha and beta of the paper: a logit for each candidate width of each layer and each depth of each stage."""

    def __init__(self, space: ShapeSpace, *, seed: int) -> None:
        super().__init__()
        self.space = space
        random = generator(seed)
        self.layers, self.stages = list(space.candidates), list(space.depths)
        self.counts = [len(space.candidates[name]) for name in self.layers]
        self.width = nn.Parameter(START_SCALE * torch.randn(len(self.layers), max(self.counts), generator=random))
        self.depth_counts = [len(space.depths[name]) for name in self.stages]
        most = max(self.depth_counts, default=0)
        self.depth = nn.Parameter(START_SCALE * torch.randn(len(self.stages), most, generator=random))
        self.register_buffer("_width_gaps", _gaps(self.counts))
        self.register_buffer("_depth_gaps", _gaps(self.depth_counts))

    def table(self) -> tuple[Tensor, Tensor]:
        """The logits of widths and depths, ``-inf`` where a row has no candidate."""
        width, depth = self.get_buffer("_width_gaps"), self.get_buffer("_depth_gaps")
        return self.width.masked_fill(width, -torch.inf), self.depth.masked_fill(depth, -torch.inf)

    def sample(self, tau: float, n: int, random: torch.Generator) -> Sample:
        """Widths drawn for all layers at once, and weights of all depths."""
        width, depth = self.table()
        index, weight = gumbel_topk_weights(width, tau, n, seed=random)
        rows = index.tolist()
        drawn = {name: rows[i][: self.counts[i]] for i, name in enumerate(self.layers)}
        weights = {name: weight[i, : len(drawn[name])] for i, name in enumerate(self.layers)}
        mixed = gumbel_softmax(depth, tau, seed=random) if self.stages else depth
        return Sample(drawn, weights, {name: mixed[i, :c] for i, (name, c) in enumerate(self._depths())})

    def probabilities(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Of the widths of each layer and the depths of each stage, without noise."""
        width, depth = (each.softmax(1) for each in self.table())
        of_width = {name: width[i, :c] for i, (name, c) in enumerate(zip(self.layers, self.counts, strict=True))}
        return of_width, {name: depth[i, :c] for i, (name, c) in enumerate(self._depths())}

    def shape(self) -> Shape:
        """The most probable sizes."""
        width, depth = (each.argmax(1).tolist() if each.numel() else [] for each in self.table())
        widths = {name: self.space.candidates[name][best] for name, best in zip(self.layers, width, strict=True)}
        depths = {name: self.space.depths[name][best] for name, best in zip(self.stages, depth, strict=True)}
        return Shape(widths, {stage.name: depths.get(stage.name, stage.depths[-1]) for stage in self.space.stages})

    def _depths(self) -> list[tuple[str, int]]:
        return list(zip(self.stages, self.depth_counts, strict=True))


def _gaps(counts: list[int]) -> Tensor:
    return torch.arange(max(counts, default=0)) >= torch.tensor(counts, dtype=torch.int64)[:, None]
