"""Networks of given sizes, as ordinary modules."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from netopsy.core.computed import copied
from netopsy.core.seeds import seeded
from netopsy.models import initialise
from netopsy.models.blocks import named
from netopsy.sparsity.transformable_architecture_search.layout import Block, Layer
from netopsy.sparsity.transformable_architecture_search.space import Shape, ShapeSpace


class Residual(nn.Module):
    """Layers, added to a shortcut."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut, self.after = body, shortcut, after

    def forward(self, features: Tensor) -> Tensor:
        """The output, of the width of the layers."""
        total: Tensor = self.after(self.body(features) + self.shortcut(features))
        return total


def built(space: ShapeSpace, shape: Shape, *, seed: int) -> nn.Module:
    """A module of the sizes, its layers named by stage, block and layer."""
    with seeded(seed):  # torch's layers draw weights of their own first
        return initialise(_assembled(space, shape), "he_normal", seed=seed)


def _assembled(space: ShapeSpace, shape: Shape) -> nn.Module:
    width, stages = space.input_shape[0], []
    for stage in space.stages:
        blocks = []
        for number, block in enumerate(stage.blocks[: shape.depths[stage.name]], start=1):
            blocks.append((f"block{number}", _block(block, shape, width)))
            width = shape.widths[block.last.name]
        stages.append((stage.name, named(blocks)))
    head = space.head
    end = [("before", sequence(space.before_head)), ("output", head.module(width, head.width))]
    start = [("first", sequence(space.before_first))] if space.before_first else []
    return named([*start, *stages, *end])


def sequence(modules: Iterable[nn.Module]) -> nn.Module:
    """Copies of modules, one after another."""
    copies = [copied(module) for module in modules]
    return copies[0] if len(copies) == 1 else nn.Sequential(*copies) if copies else nn.Identity()


def _block(block: Block, shape: Shape, inputs: int) -> nn.Module:
    layers, width = [], inputs
    for number, layer in enumerate(block.layers, start=1):
        layers += _layer(layer, width, shape.widths[layer.name], str(number))
        width = shape.widths[layer.name]
    body = named(layers)
    if not block.residual:
        return body
    shortcut: nn.Module = nn.Identity()
    if block.shortcut is not None and (block.projects or inputs != width):
        shortcut = named(_layer(block.shortcut, inputs, width, ""))
    return Residual(body, shortcut, sequence(block.after))


def _layer(layer: Layer, inputs: int, width: int, number: str) -> list[tuple[str, nn.Module]]:
    parts = [(f"{'conv' if layer.kernel else 'linear'}{number}", layer.module(inputs, width))]
    if layer.norm:
        parts.append((f"norm{number}", layer.normalisation(width)))
    if layer.after:
        parts.append((f"after{number}", sequence(layer.after)))
    return parts
