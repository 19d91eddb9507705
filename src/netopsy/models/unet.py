"""A U-Net: from images to images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.shapes import Images
from netopsy.models.blocks import activation_layer, conv, named, require_count, require_counts
from netopsy.models.initialisation import initialise


class UNet(nn.Module):
    """Stages that halve the grid, a bottom, stages that double it again, each seeing its counterpart on the way down.

    Ronneberger et al. 2015 (arXiv 1505.04597), Fig. 1, with padded convolutions, so that images keep their size, and
    nearest-neighbour upsampling. Any size down to 1 pixel a side at the bottom is taken; odd grids are met again on the
    way up. Layers are called ``down1.conv1``, ..., ``bottom.conv1``, ..., ``up1.conv1``, ..., ``output``, where ``up1``
    is the last stage and has the grid of ``down1``.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        widths: Sequence[int],
        *,
        activation: str = "relu",
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        require_count("channels", channels)
        require_count("outputs", outputs)
        require_counts("widths", widths)
        require(len(widths) > 1, f"widths must name at least one stage and the bottom, got {tuple(widths)}")
        *stages, bottom = widths
        self.depth = len(stages)
        inputs = channels
        for number, width in enumerate(stages, start=1):
            self.add_module(f"down{number}", _stage(inputs, width, activation, batch_norm))
            inputs = width
        self.pool = nn.MaxPool2d(2)
        self.bottom = _stage(inputs, bottom, activation, batch_norm)
        inputs = bottom
        for number, width in reversed(list(enumerate(stages, start=1))):
            self.add_module(f"up{number}", _stage(inputs + width, width, activation, batch_norm))
            inputs = width
        self.output = conv(inputs, outputs, kernel=1, bias=True)

    def forward(self, images: Images) -> Float[Tensor, "batch outputs height width"]:
        """One image of ``outputs`` channels for each image."""
        least = 2**self.depth
        require(
            min(images.shape[-2:]) >= least,
            f"images must be at least {least} pixels a side for {self.depth} stages, got {tuple(images.shape[-2:])}",
        )
        passed, features = [], images
        for number in range(1, self.depth + 1):
            passed.append(self.get_submodule(f"down{number}")(features))
            features = self.pool(passed[-1])
        features = self.bottom(features)
        for number, beside in reversed(list(enumerate(passed, start=1))):
            features = nn.functional.interpolate(features, size=beside.shape[-2:], mode="nearest")
            features = self.get_submodule(f"up{number}")(torch.cat([beside, features], dim=1))
        image: Tensor = self.output(features)
        return image


def unet(
    channels: int = 3,
    outputs: int | None = None,
    *,
    widths: Sequence[int] = (32, 64, 128, 256),
    activation: str = "relu",
    batch_norm: bool = True,
    seed: int = 0,
) -> UNet:
    """A `UNet` with He-normal weights, by default with as many output channels as the images have.

    >>> import torch
    >>> unet(1, widths=(4, 8))(torch.zeros(2, 1, 17, 20)).shape
    torch.Size([2, 1, 17, 20])
    """
    outputs = channels if outputs is None else outputs
    model = UNet(channels, outputs, widths, activation=activation, batch_norm=batch_norm)
    return initialise(model, "he_normal", seed=seed)


def _stage(inputs: int, outputs: int, activation: str, batch_norm: bool) -> nn.Sequential:
    layers: list[tuple[str, nn.Module]] = []
    for number in (1, 2):
        layers.append((f"conv{number}", conv(inputs, outputs, bias=not batch_norm)))
        if batch_norm:
            layers.append((f"norm{number}", nn.BatchNorm2d(outputs)))
        layers.append((f"act{number}", activation_layer(activation)))
        inputs = outputs
    return named(layers)
