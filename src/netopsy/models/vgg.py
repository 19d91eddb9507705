"""VGG networks as used on CIFAR-sized images."""

from __future__ import annotations

from torch import nn

from netopsy.core.errors import require
from netopsy.models.blocks import conv, image_size, linear, named, require_count
from netopsy.models.initialisation import initialise

_CONVOLUTIONS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
_FACTORS = (1, 2, 4, 8, 8)


def vgg(
    depth: int = 16,
    *,
    channels: int = 3,
    size: int | tuple[int, int] = 32,
    classes: int = 10,
    width: int = 64,
    batch_norm: bool = True,
    seed: int = 0,
) -> nn.Sequential:
    """VGG-11, 13, 16 or 19 with batch normalisation, the mean over all places and one linear layer.

    The convolutions of Simonyan and Zisserman 2015 (arXiv 1409.1556), Table 1; in place of its three dense layers the
    average pooling of the lottery-ticket paper (Frankle and Carbin 2019, section 4), where VGG-19 has 20 million
    weights. He-normal weights. Layers are called ``stage1.conv1``, ``stage1.norm1``, ``stage1.act1``, ..., ``pool1``,
    ..., ``output``.

    Args:
        size: of the images, at least 16 pixels: they are halved four times. Larger images are averaged over more
            places.
        width: channels of the first stage; the others have 2, 4, 8 and 8 times as many.

    Raises:
        InputError: there is no VGG of that ``depth`` or the images are too small.

    >>> import torch
    >>> vgg(11, width=4)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """
    require(depth in tuple(_CONVOLUTIONS), f"depth must be 11, 13, 16 or 19, got {depth!r}")
    require_count("channels", channels)
    require_count("classes", classes)
    require_count("width", width)
    height, across = image_size(size)
    require(min(height, across) >= 16, f"size must be at least 16, which VGG halves 4 times, got {height}x{across}")
    layers: list[tuple[str, nn.Module]] = []
    inputs = channels
    for number, (count, factor) in enumerate(zip(_CONVOLUTIONS[depth], _FACTORS, strict=True), start=1):
        stage: list[tuple[str, nn.Module]] = []
        for place in range(1, count + 1):
            stage.append((f"conv{place}", conv(inputs, factor * width, bias=not batch_norm)))
            if batch_norm:
                stage.append((f"norm{place}", nn.BatchNorm2d(factor * width)))
            stage.append((f"act{place}", nn.ReLU()))
            inputs = factor * width
        layers += [(f"stage{number}", named(stage)), (f"pool{number}", nn.MaxPool2d(2))]
    layers[-1] = ("pool", nn.AdaptiveAvgPool2d(1))
    layers += [("flatten", nn.Flatten()), ("output", linear(inputs, classes))]
    return initialise(named(layers), "he_normal", seed=seed)
