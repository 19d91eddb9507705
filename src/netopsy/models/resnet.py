"""Residual networks: the small ones of the CIFAR papers and ResNet-18."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.pad_shortcut import PadShortcut
from netopsy.core.shapes import Activations, Images, Logits
from netopsy.models.blocks import conv, linear, named, require_count, require_counts
from netopsy.models.initialisation import initialise

Shortcut = Literal["pad", "conv"]


class ResNet(nn.Module):
    """A stem, stages of basic blocks (each but the first halves the grid), the mean over all places, a linear layer.

    He et al. 2016 (arXiv 1512.03385), section 3 and Fig. 3. Layers are called ``stem.conv``, ``stage1.block1.conv1``,
    ``stage1.block1.norm1``, ``stage1.block1.act1``, ..., ``pool``, ``output``.

    Args:
        channels: of the images.
        classes: number of logits.
        widths, blocks: channels of the stages, and how many blocks each has.
        shortcut: where the shape changes: "pad" takes every second place and adds channels of zeros (option A of the
            paper, without parameters); "conv" is a strided 1x1 convolution with normalisation (option B).
        stem: "small": one 3x3 convolution; "large": a 7x7 convolution and a max-pooling of stride 2 each, for images of
            64 pixels and more.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        *,
        shortcut: Shortcut = "conv",
        stem: Literal["small", "large"] = "small",
    ) -> None:
        super().__init__()
        require_count("channels", channels)
        require_count("classes", classes)
        require_counts("widths", widths)
        require_counts("blocks", blocks)
        require(len(widths) == len(blocks), f"blocks must be as many as widths, {len(widths)}, got {len(blocks)}")
        self.stem = lookup("stem", stem, {"small": _small_stem, "large": _large_stem})(channels, widths[0])
        self.stages: tuple[str, ...] = tuple(f"stage{number}" for number in range(1, len(widths) + 1))
        inputs = widths[0]
        for name, width, count in zip(self.stages, widths, blocks, strict=True):
            stage = []
            for number in range(1, count + 1):
                stride = 2 if number == 1 and name != "stage1" else 1
                stage.append((f"block{number}", BasicBlock(inputs, width, stride, shortcut)))
                inputs = width
            self.add_module(name, named(stage))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.output = linear(inputs, classes)

    def forward(self, images: Images) -> Logits:
        """The logits of ``images``."""
        features = self.stem(images)
        for name in self.stages:
            features = self.get_submodule(name)(features)
        logits: Tensor = self.output(self.flatten(self.pool(features)))
        return logits


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with normalisation, added to the shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, shortcut: Shortcut = "conv") -> None:
        super().__init__()
        self.conv1 = conv(inputs, outputs, stride=stride)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.act1 = nn.ReLU()
        self.conv2 = conv(outputs, outputs)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = _shortcut(inputs, outputs, stride, shortcut)
        self.act2 = nn.ReLU()

    def forward(self, features: Activations) -> Float[Tensor, "batch outputs _ _"]:
        """The block's output; its grid is the input's divided by the stride."""
        branch = self.act1(self.norm1(self.conv1(features)))
        total: Tensor = self.act2(self.norm2(self.conv2(branch)) + self.shortcut(features))
        return total


def resnet(
    depth: int = 20,
    *,
    channels: int = 3,
    classes: int = 10,
    width: int = 16,
    shortcut: Shortcut = "pad",
    seed: int = 0,
) -> ResNet:
    """The ResNet of ``depth`` 20, 32, 44, 56, ... for CIFAR-sized images: three stages of widths 16, 32 and 64.

    He et al. 2016, section 4.2; with He-normal weights. ResNet-20 has 0.27 million parameters, ResNet-32 0.46,
    ResNet-56 0.85. ``width`` is the first stage's, doubled from stage to stage.

    >>> import torch
    >>> resnet(8, channels=1)(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """
    require(
        isinstance(depth, int) and depth >= 8 and depth % 6 == 2,
        f"depth must be 8, 14, 20, ... (a multiple of 6, plus 2), got {depth!r}",
    )
    require_count("width", width)
    model = ResNet(channels, classes, (width, 2 * width, 4 * width), [(depth - 2) // 6] * 3, shortcut=shortcut)
    return initialise(model, "he_normal", seed=seed)


def resnet18(
    *,
    channels: int = 3,
    classes: int = 10,
    widths: Sequence[int] = (64, 128, 256, 512),
    stem: Literal["small", "large"] = "small",
    seed: int = 0,
) -> ResNet:
    """ResNet-18: four stages of two basic blocks, 11 million parameters; with the small stem for 32 to 64 pixels.

    He et al. 2016, Table 1 (there with the large stem); with He-normal weights.

    >>> import torch
    >>> resnet18(widths=(4, 8, 8, 8))(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 10])
    """
    return initialise(ResNet(channels, classes, widths, [2] * len(widths), stem=stem), "he_normal", seed=seed)


def _small_stem(channels: int, width: int) -> nn.Sequential:
    return named([("conv", conv(channels, width)), ("norm", nn.BatchNorm2d(width)), ("act", nn.ReLU())])


def _large_stem(channels: int, width: int) -> nn.Sequential:
    return named(
        [
            ("conv", conv(channels, width, kernel=7, stride=2)),
            ("norm", nn.BatchNorm2d(width)),
            ("act", nn.ReLU()),
            ("pool", nn.MaxPool2d(3, stride=2, padding=1)),
        ]
    )


def _shortcut(inputs: int, outputs: int, stride: int, kind: Shortcut) -> nn.Module:
    if kind not in ("pad", "conv"):
        raise InputError(f"shortcut must be 'pad' or 'conv', got {kind!r}")
    if inputs == outputs and stride == 1:
        return nn.Identity()
    if kind == "pad":
        return PadShortcut(inputs, outputs, stride)
    return named([("conv", conv(inputs, outputs, kernel=1, stride=stride)), ("norm", nn.BatchNorm2d(outputs))])
