"""The parts of a network whose sizes are open: layers in blocks, blocks in stages."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import nn

Modules = tuple[nn.Module, ...]
"""What runs after a layer and has no parameters: activations, pooling, dropout."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution or linear layer with what follows it, at its full size."""

    name: str
    inputs: int
    """Channels or features of what it reads, at full size; a flattened grid counts as its channels."""
    width: int
    """Channels or features of what it makes, at full size."""
    kernel: tuple[int, ...] = ()
    """Empty for a linear layer."""
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    bias: bool = False
    norm: bool = True
    """Whether a batch normalisation follows."""
    repeat: int = 1
    """Places of the grid that was flattened in front of a linear layer."""
    places: int = 1
    """Places of its own output's grid."""
    after: Modules = ()

    def macs(self, inputs: float | int, width: float | int) -> float | int:
        """Multiply-accumulate operations at other widths."""
        return math.prod(self.kernel) * self.repeat * self.places * inputs * width

    def module(self, inputs: int, width: int) -> nn.Module:
        """The bare layer at other widths, with weights of torch's own initialisation."""
        if not self.kernel:
            return nn.Linear(inputs * self.repeat, width, bias=self.bias)
        kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[len(self.kernel)]
        options = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation, "bias": self.bias}
        return kind(inputs, width, self.kernel, **options)  # type: ignore[arg-type]

    def normalisation(self, width: int) -> nn.Module:
        """The batch normalisation that follows, at another width."""
        if not self.norm:
            return nn.Identity()
        kind = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[len(self.kernel)]
        return kind(width)


@dataclass(frozen=True, eq=False)
class Block:
    """Layers one after another; a residual block adds its input to their output."""

    layers: tuple[Layer, ...]
    residual: bool = False
    shortcut: Layer | None = None
    """The 1x1 convolution (or linear layer) of the way around the layers: the full network has it where ``projects``.
    Residual blocks always describe one, since other widths may need it."""
    projects: bool = False
    after: Modules = ()
    """Follows the addition."""

    @property
    def last(self) -> Layer:
        """The layer that decides the block's width."""
        return self.layers[-1]


@dataclass(frozen=True, eq=False)
class Stage:
    """Blocks of which the last ones may be left out."""

    name: str
    blocks: tuple[Block, ...]
    depths: tuple[int, ...]
    """How many of the blocks may be kept, rising, all of them last; a single entry: nothing is left out."""


def depth_candidates(blocks: int) -> tuple[int, ...]:
    """1, 3, 5, ... and all of them; up to three blocks, every number.

    >>> depth_candidates(2), depth_candidates(3), depth_candidates(5), depth_candidates(6)
    ((1, 2), (1, 2, 3), (1, 3, 5), (1, 3, 5, 6))
    """
    if blocks <= 3:
        return tuple(range(1, blocks + 1))
    return tuple(sorted({*range(1, blocks + 1, 2), blocks}))
