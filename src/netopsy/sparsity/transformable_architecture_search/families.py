"""Shape spaces of the usual networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.models.blocks import image_size, require_count, require_counts
from netopsy.sparsity.transformable_architecture_search.layout import Block, Layer, Stage, depth_candidates
from netopsy.sparsity.transformable_architecture_search.space import FRACTIONS, ShapeSpace


@checked
def resnet_space(
    widths: Sequence[int] = (16, 32, 64),
    blocks: int = 3,
    *,
    channels: int = 3,
    classes: int = 10,
    size: int | tuple[int, int] = 32,
    fractions: Sequence[float] = FRACTIONS,
    depth: bool = True,
) -> ShapeSpace:
    """The residual networks of the CIFAR papers: a stem, stages of basic blocks of which each but the first halves the
    grid, the mean over all places, a linear layer. Three stages of 3, 5, 9 and 18 blocks are ResNet-20, -32, -56, -110.

    Args:
        widths: full widths of the stages; the stem has the first.
        blocks: of every stage.
        channels, size: of the images.
        depth: whether blocks may be left out.

    Raises:
        InputError: counts below 1.

    >>> resnet_space((16, 32, 64), 3).flops()
    40813184.0
    """
    require_counts("widths", widths)
    for name, value in (("blocks", blocks), ("channels", channels), ("classes", classes)):
        require_count(name, value)
    grid = image_size(size)
    stem = Block((_conv("stem", channels, widths[0], grid, after=(nn.ReLU(),)),))
    stages, inputs = [Stage("stem", (stem,), (1,))], widths[0]
    for number, width in enumerate(widths, start=1):
        own = []
        for place in range(1, blocks + 1):
            stride = 2 if number > 1 and place == 1 else 1
            grid = _strided(grid, stride)
            own.append(_basic_block(f"stage{number}.block{place}", inputs, width, stride, grid))
            inputs = width
        stages.append(Stage(f"stage{number}", tuple(own), depth_candidates(blocks) if depth else (blocks,)))
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ShapeSpace(tuple(stages), _head(inputs, classes), (channels, *image_size(size)), tuple(fractions), pooled)


@checked
def vgg_space(
    stages: Sequence[Sequence[int]],
    *,
    channels: int = 3,
    classes: int = 10,
    size: int | tuple[int, int] = 32,
    fractions: Sequence[float] = FRACTIONS,
) -> ShapeSpace:
    """3x3 convolutions one after another, each with batch normalisation; max-pooling halves the grid after a stage; the
    mean over all places, a linear layer.

    Args:
        stages: the full widths of each stage's convolutions.
        channels, size: of the images.

    Raises:
        InputError: counts below 1, more stages than the grid can be halved.

    >>> vgg_space([(8, 8), (16,)], size=8).flops()
    69280.0
    """
    grid, inputs, own = image_size(size), channels, []
    require(len(stages) > 0 and min(grid) >= 2 ** len(stages), f"size {grid} cannot be halved {len(stages)} times")
    for number, widths in enumerate(stages, start=1):
        require_counts(f"stages[{number - 1}]", widths)
        blocks = []
        for place, width in enumerate(widths, start=1):
            after = (nn.ReLU(), nn.MaxPool2d(2)) if place == len(widths) else (nn.ReLU(),)
            blocks.append(Block((_conv(f"stage{number}.conv{place}", inputs, width, grid, after=after),)))
            inputs = width
        own.append(Stage(f"stage{number}", tuple(blocks), (len(blocks),)))
        grid = grid[0] // 2, grid[1] // 2
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return ShapeSpace(tuple(own), _head(inputs, classes), (channels, *image_size(size)), tuple(fractions), pooled)


@checked
def mlp_space(widths: Sequence[int], *, fractions: Sequence[float] = FRACTIONS, norm: bool = True) -> ShapeSpace:
    """Linear layers with batch normalisation and ReLU, a last one without.

    Args:
        widths: of inputs, hidden layers and outputs.
        norm: whether batch normalisation follows the hidden layers.

    Raises:
        InputError: fewer than three widths.

    >>> mlp_space((64, 32, 10)).flops()
    2368.0
    """
    require_counts("widths", widths)
    require(len(widths) >= 3, f"widths must be those of inputs, hidden layers and outputs, got {tuple(widths)}")
    blocks = []
    for number, (inputs, width) in enumerate(pairwise(widths[:-1]), start=1):
        layer = Layer(f"hidden{number}", inputs, width, bias=True, norm=norm, after=(nn.ReLU(),))
        blocks.append(Block((layer,)))
    stage = Stage("hidden", tuple(blocks), (len(blocks),))
    return ShapeSpace((stage,), _head(widths[-2], widths[-1]), (widths[0],), tuple(fractions))


def _conv(
    name: str,
    inputs: int,
    width: int,
    grid: tuple[int, int],
    *,
    kernel: int = 3,
    stride: int = 1,
    after: tuple[nn.Module, ...] = (),
) -> Layer:
    """Padded, so that only the stride makes the grid smaller; ``grid`` is that of its output."""
    return Layer(
        name,
        inputs,
        width,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        padding=(kernel // 2, kernel // 2),
        dilation=(1, 1),
        places=math.prod(grid),
        after=after,
    )


def _basic_block(name: str, inputs: int, width: int, stride: int, grid: tuple[int, int]) -> Block:
    first = _conv(f"{name}.conv1", inputs, width, grid, stride=stride, after=(nn.ReLU(),))
    second = _conv(f"{name}.conv2", width, width, grid)
    shortcut = _conv(f"{name}.shortcut", inputs, width, grid, kernel=1, stride=stride)
    projects = stride > 1 or inputs != width
    return Block((first, second), True, shortcut, projects, (nn.ReLU(),))


def _head(inputs: int, classes: int) -> Layer:
    return Layer("output", inputs, classes, bias=True, norm=False)


def _strided(grid: tuple[int, int], stride: int) -> tuple[int, int]:
    return -(-grid[0] // stride), -(-grid[1] // stride)
