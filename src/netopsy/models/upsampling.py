"""A generator that grows its images by plain upsampling, and the spectrally normalised network that judges them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from netopsy.core.errors import require
from netopsy.core.seeds import derive, seeded
from netopsy.models.blocks import activation_layer, conv, linear, named, require_count, require_counts
from netopsy.models.initialisation import initialise

_BASE = 4


def upsampling_generator(
    latent: int = 32, *, channels: int = 3, widths: Sequence[int] = (64, 32, 32), seed: int = 0
) -> nn.Sequential:
    """From noise ``[batch, latent]`` to images ``[batch, channels, size, size]`` within -1 and 1.

    A transposed convolution makes a grid of 4x4 with ``widths[0]`` channels; each further width doubles the grid
    (nearest neighbour) and has two 3x3 convolutions, so three widths give 16x16 images. Every convolution is followed
    by batch normalisation and a ReLU, and such a block is one layer: ``layer1``, ``layer2``, ... end in their ReLU,
    with ``layer2.conv``, ``layer2.norm``, ``layer2.act`` inside. The last, ``image``, is a convolution and ``tanh``.

    Nearest-neighbour upsampling leaves no checkerboard, which transposed convolutions do (Odena et al. 2016).

    Args:
        widths: channels on each grid, the smallest grid first; at least two.

    >>> import torch
    >>> upsampling_generator(8)(torch.randn(5, 8)).shape
    torch.Size([5, 3, 16, 16])
    """
    require_count("latent", latent)
    require_count("channels", channels)
    require_counts("widths", widths)
    require(len(widths) >= 2, f"widths must be at least two, one for each grid, got {tuple(widths)}")
    first = nn.ConvTranspose2d(latent, widths[0], _BASE, bias=False, device="meta").to_empty(device="cpu")
    layers: list[tuple[str, nn.Module]] = [("unflatten", nn.Unflatten(1, (latent, 1, 1)))]
    layers.append(("layer1", named([("conv", first), *_norm_act(widths[0])])))
    before = widths[0]
    for grid, width in enumerate(widths[1:]):
        layers.append((f"up{grid + 1}", nn.Upsample(scale_factor=2)))
        for number in (2 * grid + 2, 2 * grid + 3):
            layers.append((f"layer{number}", named([("conv", conv(before, width)), *_norm_act(width)])))
            before = width
    layers.append(("image", named([("conv", conv(before, channels, bias=True)), ("tanh", nn.Tanh())])))
    return initialise(named(layers), "he_normal", seed=seed)


def spectral_discriminator(
    *, channels: int = 3, size: int = 16, widths: Sequence[int] = (32, 64), seed: int = 0
) -> nn.Sequential:
    """From images ``[batch, channels, size, size]`` to one score each, ``[batch]``: higher where they look real.

    Each width is a strided 4x4 convolution that halves the grid and a leaky ReLU of slope 0.1; a linear layer ends it.
    Every weight is divided by its largest singular value (Miyato et al. 2018, spectral normalisation),
    so no batch normalisation is needed.

    >>> import torch
    >>> spectral_discriminator()(torch.zeros(5, 3, 16, 16)).shape
    torch.Size([5])
    """
    require_count("channels", channels)
    require_count("size", size)
    require_counts("widths", widths)
    grid = size // 2 ** len(widths)
    require(
        grid * 2 ** len(widths) == size, f"size must be divisible by 2 for each of {len(widths)} widths, got {size}"
    )
    layers: list[tuple[str, nn.Module]] = []
    before = channels
    for number, width in enumerate(widths, start=1):
        down = nn.Conv2d(before, width, 4, stride=2, padding=1, device="meta").to_empty(device="cpu")
        layers.append((f"layer{number}", named([("conv", down), ("act", nn.LeakyReLU(0.1))])))
        before = width
    layers += [("flatten", nn.Flatten()), ("output", linear(before * grid**2, 1)), ("score", nn.Flatten(0))]
    judge = initialise(named(layers), "he_normal", seed=seed)
    with seeded(derive(seed, "power iteration")):
        for module in list(judge.modules()):
            if isinstance(module, nn.Conv2d | nn.Linear):
                spectral_norm(module)
    return judge


def _norm_act(width: int) -> list[tuple[str, nn.Module]]:
    return [("norm", nn.BatchNorm2d(width)), ("act", activation_layer("relu"))]
