"""Wide residual networks for CIFAR-sized images."""

from __future__ import annotations

from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.shapes import Activations, Images, Logits
from netopsy.models.blocks import conv, linear, named, require_count
from netopsy.models.initialisation import initialise


class WideBlock(nn.Module):
    """Normalisation and rectifier before each of two 3x3 convolutions, added to the shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.act1 = nn.ReLU()
        self.conv1 = conv(inputs, outputs, stride=stride)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.act2 = nn.ReLU()
        self.conv2 = conv(outputs, outputs)
        self.shortcut = conv(inputs, outputs, kernel=1, stride=stride) if inputs != outputs else None

    def forward(self, features: Activations) -> Tensor:
        """The block's output; where the width changes, the shortcut starts behind the first rectifier."""
        active = self.act1(self.norm1(features))
        branch: Tensor = self.conv2(self.act2(self.norm2(self.conv1(active))))
        return branch + (features if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    """A convolution, three stages of blocks of widths 16, 32 and 64 times ``widen``, the mean over places, a linear
    layer. Comes from `wide_resnet`."""

    def __init__(self, depth: int, widen: int, channels: int, classes: int) -> None:
        super().__init__()
        count, inputs = (depth - 4) // 6, 16
        self.stem = conv(channels, inputs)
        for stage, width in enumerate((16 * widen, 32 * widen, 64 * widen), start=1):
            blocks = []
            for number in range(1, count + 1):
                blocks.append((f"block{number}", WideBlock(inputs, width, 2 if number == 1 and stage > 1 else 1)))
                inputs = width
            self.add_module(f"stage{stage}", named(blocks))
        self.norm = nn.BatchNorm2d(inputs)
        self.act = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.output = linear(inputs, classes)

    def forward(self, images: Images) -> Logits:
        """The logits of ``images``."""
        features = self.stem(images)
        for stage in range(1, 4):
            features = self.get_submodule(f"stage{stage}")(features)
        logits: Tensor = self.output(self.flatten(self.pool(self.act(self.norm(features)))))
        return logits


def wide_resnet(depth: int = 28, widen: int = 10, *, channels: int = 3, classes: int = 10, seed: int = 0) -> WideResNet:
    """The wide residual network of Zagoruyko and Komodakis 2016 (arXiv 1605.07146), with He-normal weights.

    WRN-28-10 has 36.5 million parameters.

    Raises:
        InputError: a depth that is not 4 more than a multiple of 6, or counts below 1.

    >>> net = wide_resnet(10, 1)
    >>> sum(each.numel() for each in net.parameters())
    77850
    """
    require_count("depth", depth, 10)
    require(depth % 6 == 4, f"depth must be 4 more than a multiple of 6, got {depth}")
    for name, value in (("widen", widen), ("channels", channels), ("classes", classes)):
        require_count(name, value)
    return initialise(WideResNet(depth, widen, channels, classes), "he_normal", seed=seed)
