"""Plain convolutional networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from netopsy.core.errors import require
from netopsy.models.blocks import activation_layer, conv, image_size, linear, named, require_count, require_counts
from netopsy.models.initialisation import initialise


def conv_net(
    depth: Literal[2, 4, 6] = 2,
    *,
    channels: int = 3,
    size: int | tuple[int, int] = 32,
    classes: int = 10,
    widths: Sequence[int] = (64, 128, 256),
    hidden: Sequence[int] = (256, 256),
    seed: int = 0,
) -> nn.Sequential:
    """Conv-2, Conv-4 or Conv-6: pairs of 3x3 convolutions, each pair followed by 2x2 max-pooling, then dense layers.

    The scaled-down VGG networks of Frankle and Carbin 2019, Fig. 2, with Gaussian Glorot weights. For 32x32 colour
    images they have 4.3, 2.4 and 2.3 million weights. (The paper's table says 1.7 million for Conv-6, but the layers it
    lists add up to 2.26 million.)

    Layers are called ``features.conv1``, ``features.act1``, ..., ``features.pool1``, ``classifier.fc1``, ...,
    ``classifier.output``.

    Args:
        channels, size: of the images: the dense layers are made to fit.
        widths: channels of the first, second and third pair of convolutions; those beyond ``depth / 2`` are not used.
        hidden: widths of the dense layers before the output.

    Raises:
        InputError: ``depth`` is not 2, 4 or 6, or the images are too small to be halved that often.

    >>> import torch
    >>> conv_net(4, channels=1, size=8)(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """
    require(depth in (2, 4, 6), f"depth must be 2, 4 or 6, got {depth!r}")
    require_count("channels", channels)
    require_count("classes", classes)
    require_counts("widths", widths)
    require(isinstance(hidden, Sequence), f"hidden must be several ints, or none, got {hidden!r}")
    for outputs in hidden:
        require_count("every entry of hidden", outputs)
    require(len(widths) >= depth // 2, f"widths must name {depth // 2} widths for depth {depth}, got {len(widths)}")
    height, width = image_size(size)
    halved = 2 ** (depth // 2)
    require(
        min(height, width) >= halved,
        f"size must be at least {halved} for Conv-{depth}, which halves it {depth // 2} times, got {height}x{width}",
    )
    features: list[tuple[str, nn.Module]] = []
    inputs = channels
    for pair, outputs in enumerate(widths[: depth // 2], start=1):
        for number in (2 * pair - 1, 2 * pair):
            features += [
                (f"conv{number}", conv(inputs, outputs, bias=True)),
                (f"act{number}", activation_layer("relu")),
            ]
            inputs = outputs
        features.append((f"pool{pair}", nn.MaxPool2d(2)))
    dense: list[tuple[str, nn.Module]] = []
    inputs *= (height // halved) * (width // halved)
    for number, outputs in enumerate(hidden, start=1):
        dense += [(f"fc{number}", linear(inputs, outputs)), (f"act{number}", activation_layer("relu"))]
        inputs = outputs
    dense.append(("output", linear(inputs, classes)))
    model = named([("features", named(features)), ("flatten", nn.Flatten()), ("classifier", named(dense))])
    return initialise(model, "glorot_normal", seed=seed)


def lenet(
    widths: Sequence[int] = (6, 16),
    hidden: Sequence[int] = (120, 84),
    *,
    kernel: int = 5,
    channels: int = 1,
    size: int | tuple[int, int] = 28,
    classes: int = 10,
    activation: str = "relu",
    seed: int = 0,
) -> nn.Sequential:
    """LeNet: convolutions that keep the image's size, each halved by 2x2 max-pooling, then dense layers.

    As LeCun et al. 1998 arrange it, with a rectifier and max-pooling as has become usual; He-normal weights. With
    smaller numbers it fits smaller images. Layers are called ``features.conv1``, ``features.act1``, ``features.pool1``,
    ..., ``flatten``, ``classifier.fc1``, ..., ``classifier.output``.

    Args:
        widths: channels of the convolutions.
        hidden: widths of the dense layers before the output.
        kernel: pixels a side, odd.
        size: of the images: the dense layers are made to fit.

    Raises:
        InputError: images too small to be halved that often, or a number that is none.

    >>> import torch
    >>> lenet((8, 16), (48,), kernel=3, size=8)(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """
    require_counts("widths", widths)
    require_counts("hidden", hidden)
    require_count("channels", channels)
    require_count("classes", classes)
    require(isinstance(kernel, int) and kernel > 0 and kernel % 2 == 1, f"kernel must be an odd int, got {kernel!r}")
    height, width = image_size(size)
    halved = 2 ** len(widths)
    require(
        min(height, width) >= halved,
        f"size must be at least {halved} for {len(widths)} convolutions, got {height}x{width}",
    )
    features: list[tuple[str, nn.Module]] = []
    inputs = channels
    for number, outputs in enumerate(widths, start=1):
        features += [
            (f"conv{number}", conv(inputs, outputs, kernel, bias=True)),
            (f"act{number}", activation_layer(activation)),
            (f"pool{number}", nn.MaxPool2d(2)),
        ]
        inputs = outputs
    dense: list[tuple[str, nn.Module]] = []
    inputs *= (height // halved) * (width // halved)
    for number, outputs in enumerate(hidden, start=1):
        dense += [(f"fc{number}", linear(inputs, outputs)), (f"act{number}", activation_layer(activation))]
        inputs = outputs
    dense.append(("output", linear(inputs, classes)))
    model = named([("features", named(features)), ("flatten", nn.Flatten()), ("classifier", named(dense))])
    return initialise(model, "he_normal", seed=seed)


def small_conv_net(
    widths: Sequence[int] = (12, 24, 24, 48),
    strides: Sequence[int] = (1, 2, 1, 2),
    *,
    channels: int = 1,
    classes: int = 10,
    activation: str = "relu",
    batch_norm: bool = True,
    initialisation: str = "he_normal",
    seed: int = 0,
) -> nn.Sequential:
    """3x3 convolutions with batch normalisation, the mean over all places, one linear layer.

    It takes images of any size, has 18,958 parameters as it stands, and trains in seconds on a CPU. Layers are called
    ``features.conv1``, ``features.norm1``, ``features.act1``, ..., ``pool``, ``flatten``, ``output``.

    >>> import torch
    >>> small_conv_net()(torch.zeros(5, 1, 24, 24)).shape
    torch.Size([5, 10])
    """
    require_counts("widths", widths)
    require_counts("strides", strides)
    require(len(widths) == len(strides), f"strides must be as many as widths, {len(widths)}, got {len(strides)}")
    require_count("channels", channels)
    require_count("classes", classes)
    features: list[tuple[str, nn.Module]] = []
    inputs = channels
    for number, (outputs, stride) in enumerate(zip(widths, strides, strict=True), start=1):
        features.append((f"conv{number}", conv(inputs, outputs, stride=stride, bias=not batch_norm)))
        if batch_norm:
            features.append((f"norm{number}", nn.BatchNorm2d(outputs)))
        features.append((f"act{number}", activation_layer(activation)))
        inputs = outputs
    model = named(
        [
            ("features", named(features)),
            ("pool", nn.AdaptiveAvgPool2d(1)),
            ("flatten", nn.Flatten()),
            ("output", linear(inputs, classes)),
        ]
    )
    return initialise(model, initialisation, seed=seed)
