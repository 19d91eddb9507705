"""A small DCGAN: a generator of images and the network that judges them."""

from __future__ import annotations

from torch import nn

from netopsy.core.errors import InputError
from netopsy.models.blocks import activation_layer, linear, named, require_count
from netopsy.models.initialisation import initialise


def dcgan_generator(
    latent: int = 64, *, channels: int = 1, size: int = 8, width: int = 32, seed: int = 0
) -> nn.Sequential:
    """From noise ``[batch, latent]`` to images ``[batch, channels, size, size]`` within -1 and 1.

    Radford et al. 2016 (arXiv 1511.06434), section 3: a projection onto a small grid, transposed convolutions that
    double it, batch normalisation everywhere but at the end, weights normal with standard deviation 0.02. Layers are
    called ``project``, ``unflatten``, ``layer1.norm``, ``layer1.act``, ``layer1.conv``, ...; the last ``layer`` ends in
    ``tanh``.

    Args:
        size: of the images: 4, 5, 6 or 7, doubled at least once (8, 10, 12, 14, 16, ..., 28, 32, 64, ...).
        width: channels before the last convolution, twice as many for every layer before it.

    Raises:
        InputError: there is no way to that ``size``.

    >>> import torch
    >>> dcgan_generator(16)(torch.randn(5, 16)).shape
    torch.Size([5, 1, 8, 8])
    """
    require_count("latent", latent)
    require_count("channels", channels)
    require_count("width", width)
    base, doublings = _grid(size)
    widths = [width * 2**power for power in reversed(range(doublings))]
    layers: list[tuple[str, nn.Module]] = [
        ("project", linear(latent, widths[0] * base**2, bias=False)),
        ("unflatten", nn.Unflatten(1, (widths[0], base, base))),
    ]
    for number, inputs in enumerate(widths, start=1):
        last = number == doublings
        outputs = channels if last else widths[number]
        up = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=last, device="meta").to_empty(
            device="cpu"
        )
        layer = [("norm", nn.BatchNorm2d(inputs)), ("act", activation_layer("relu")), ("conv", up)]
        layers.append((f"layer{number}", named(layer)))
    layers.append(("tanh", nn.Tanh()))
    return initialise(named(layers), "normal", seed=seed)


def dcgan_discriminator(*, channels: int = 1, size: int = 8, width: int = 32, seed: int = 0) -> nn.Sequential:
    """From images ``[batch, channels, size, size]`` to one logit each, ``[batch]``: positive where they look real.

    The mirror image of `dcgan_generator`: strided convolutions, leaky ReLU of slope 0.2, batch normalisation everywhere
    but at the input. Layers are called ``layer1.conv``, ``layer1.act``, ``layer2.conv``, ``layer2.norm``, ...,
    ``output``.

    >>> import torch
    >>> dcgan_discriminator(size=28)(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5])
    """
    require_count("channels", channels)
    require_count("width", width)
    base, halvings = _grid(size)
    layers: list[tuple[str, nn.Module]] = []
    inputs = channels
    for number in range(1, halvings + 1):
        outputs = width * 2 ** (number - 1)
        first = number == 1
        down = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=first, device="meta").to_empty(device="cpu")
        layer: list[tuple[str, nn.Module]] = [("conv", down)]
        if not first:
            layer.append(("norm", nn.BatchNorm2d(outputs)))
        layers.append((f"layer{number}", named([*layer, ("act", activation_layer("leaky_relu"))])))
        inputs = outputs
    layers += [("flatten", nn.Flatten()), ("output", linear(inputs * base**2, 1)), ("logit", nn.Flatten(0))]
    return initialise(named(layers), "normal", seed=seed)


def _grid(size: int) -> tuple[int, int]:
    """The smallest grid and the number of doublings from it to ``size``."""
    require_count("size", size)
    for base in (4, 5, 6, 7):
        doublings = (size // base).bit_length() - 1
        if doublings > 0 and base * 2**doublings == size:
            return base, doublings
    raise InputError(f"size must be 4, 5, 6 or 7 doubled at least once (8, 10, 12, 14, 16, ...), got {size}")
