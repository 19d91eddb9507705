"""All the sizes that a network may have: widths of its layers, depths of its stages, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.models.blocks import require_count
from netopsy.sparsity.transformable_architecture_search.layout import Block, Layer, Modules, Stage

FRACTIONS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Of the full width; the paper's."""


@dataclass(frozen=True)
class Shape:
    """Sizes of one network."""

    widths: Mapping[str, int]
    """Layer to channels or neurons."""
    depths: Mapping[str, int]
    """Stage to number of blocks; stages of fixed depth are among them."""


@dataclass(frozen=True, eq=False)
class ShapeSpace:
    """Which widths the layers of a network and which depths its stages may have.

    Made by `resnet`, `vgg`, `mlp` or `from_module`. Each hidden layer has the candidates floor(f c) for its full width
    c and every fraction f, at least 1. Stages of residual blocks keep 1, 3, 5, ... or all of their blocks, the last
    ones go first.
    Section 3.1 of Dong and Yang 2019.

    >>> space = ShapeSpace.resnet((16, 32, 64), 3)
    >>> round(space.flops() / 1e6, 2), space.candidates["stage1.block1.conv1"], space.depths["stage1"]
    (40.81, (4, 6, 8, 9, 11, 12, 14, 16), (1, 2, 3))
    """

    stages: tuple[Stage, ...]
    head: Layer
    """The last layer, of fixed width."""
    input_shape: tuple[int, ...]
    """Of one sample."""
    fractions: tuple[float, ...] = FRACTIONS
    before_head: Modules = ()
    """Pooling and flattening in front of the last layer."""
    before_first: Modules = ()
    """What runs on the inputs in front of the first layer."""

    def __post_init__(self) -> None:
        fractions = self.fractions
        fits = bool(fractions) and all(0 < each <= 1 for each in fractions) and max(fractions) == 1
        require(fits, f"fractions must lie in (0, 1] and hold 1, got {fractions!r}")

    @classmethod
    def resnet(cls, widths: Sequence[int] = (16, 32, 64), blocks: int = 3, **options: Any) -> ShapeSpace:
        """Residual networks for small images; see `families.resnet_space`."""
        from netopsy.sparsity.transformable_architecture_search.families import resnet_space

        return resnet_space(widths, blocks, **options)

    @classmethod
    def vgg(cls, stages: Sequence[Sequence[int]], **options: Any) -> ShapeSpace:
        """Convolutions one after another with pooling between the stages; see `families.vgg_space`."""
        from netopsy.sparsity.transformable_architecture_search.families import vgg_space

        return vgg_space(stages, **options)

    @classmethod
    def mlp(cls, widths: Sequence[int], **options: Any) -> ShapeSpace:
        """Perceptrons; see `families.mlp_space`."""
        from netopsy.sparsity.transformable_architecture_search.families import mlp_space

        return mlp_space(widths, **options)

    @classmethod
    def from_module(cls, model: nn.Module, example_input: Tensor, **options: Any) -> ShapeSpace:
        """A network of the caller's own; see `reading.module_space`."""
        from netopsy.sparsity.transformable_architecture_search.reading import module_space

        return module_space(model, example_input, **options)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """All of them, in order."""
        return tuple(block for stage in self.stages for block in stage.blocks)

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The layers of open width, by name, in order."""
        return {layer.name: layer for block in self.blocks for layer in block.layers}

    @cached_property
    def candidates(self) -> dict[str, tuple[int, ...]]:
        """Layer to its possible widths, rising."""
        return {
            name: tuple(sorted({max(1, int(f * layer.width + 1e-9)) for f in self.fractions}))
            for name, layer in self.layers.items()
        }

    @cached_property
    def depths(self) -> dict[str, tuple[int, ...]]:
        """Stage to its possible depths, for stages that have a choice."""
        return {stage.name: stage.depths for stage in self.stages if len(stage.depths) > 1}

    @property
    def full(self) -> Shape:
        """The unpruned network."""
        return self.uniform(1.0)

    def uniform(self, fraction: float | int) -> Shape:
        """Full depth, and in every layer the candidate next to one fraction of its width."""
        require(0 < fraction <= 1, f"fraction must be in (0, 1], got {fraction}")
        widths = {
            name: min(sizes, key=lambda size, full=sizes[-1]: (abs(size - fraction * full), -size))  # type: ignore[misc]
            for name, sizes in self.candidates.items()
        }
        return Shape(widths, {stage.name: stage.depths[-1] for stage in self.stages})

    @property
    def smallest(self) -> Shape:
        """Every size at its least."""
        widths = {name: sizes[0] for name, sizes in self.candidates.items()}
        return Shape(widths, {stage.name: stage.depths[0] for stage in self.stages})

    @checked
    def flops(self, shape: Shape | None = None) -> float:
        """Multiply-accumulate operations of a network of these sizes (by default, the full one), as it is built.

        A residual block whose input and output differ in width has a 1x1 convolution on its shortcut.

        Raises:
            InputError: a shape that does not name every layer and stage, or a size below 1.
        """
        return self.macs(self.check(self.full if shape is None else shape))

    def macs(self, shape: Shape) -> float:
        """`flops` of a shape that is known to fit."""
        total, width = 0.0, self.input_shape[0]
        for block in self.kept(shape):
            before = width
            for layer in block.layers:
                total += layer.macs(width, shape.widths[layer.name])
                width = shape.widths[layer.name]
            if block.shortcut is not None and (block.projects or before != width):
                total += block.shortcut.macs(before, width)
        return total + self.head.macs(width, self.head.width)

    def kept(self, shape: Shape) -> Iterator[Block]:
        """The blocks that a network of these sizes has."""
        for stage in self.stages:
            yield from stage.blocks[: shape.depths[stage.name]]

    def check(self, shape: Shape) -> Shape:
        """The shape with stages of fixed depth filled in; any width from 1 on may be given, a candidate or not."""
        require(isinstance(shape, Shape), f"shape must be a Shape, got {type(shape).__name__}")
        whole = {stage.name: len(stage.blocks) for stage in self.stages}
        for what, given, known in (("layer", shape.widths, self.layers), ("stage", shape.depths, whole)):
            for name in given:
                if name not in known:
                    raise UnknownNameError(f"{what} in shape", name, known)
        depths = {stage.name: stage.depths[-1] for stage in self.stages if len(stage.depths) == 1} | {**shape.depths}
        for name, count in whole.items():
            require(name in depths, f"shape must give the depth of stage {name!r}")
            require_count(f"the depth of stage {name!r}", depths[name])
            require(depths[name] <= count, f"stage {name!r} has {count} blocks, shape wants {depths[name]}")
        complete = Shape(shape.widths, depths)
        for block in self.kept(complete):
            for layer in block.layers:
                require(layer.name in shape.widths, f"shape must give the width of layer {layer.name!r}")
                require_count(f"the width of layer {layer.name!r}", shape.widths[layer.name])
        return complete

    def build(self, shape: Shape | None = None, *, seed: int = 0) -> nn.Module:
        """An ordinary network of these sizes (by default, the full one), with He-normal weights.

        Raises:
            InputError: see `flops`.
        """
        from netopsy.sparsity.transformable_architecture_search.building import built

        return built(self, self.check(self.full if shape is None else shape), seed=seed)
