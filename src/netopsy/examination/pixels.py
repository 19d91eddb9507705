"""A subject seen from its pixels: the network with the standardisation of its images inside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.shapes import Images
from netopsy.data import Normalisation
from netopsy.examination.subject import Subject

SLACK = 1e-3
"""How far pixels may leave the range from 0 to 1 by rounding."""


class Standardised(nn.Module):
    """A network that takes pixels from 0 to 1: they are standardised as its images are, then go through it."""

    def __init__(self, network: nn.Module, normalisation: Normalisation) -> None:
        super().__init__()
        self.network = network
        self.normalisation = normalisation

    def forward(self, images: Tensor) -> Tensor:
        """Class scores."""
        return self.network(self.normalisation.apply(images))  # type: ignore[no-any-return]


class InBatches(nn.Module):
    """A network that is sent many samples and takes a few of them at a time."""

    def __init__(self, network: nn.Module, batch_size: int) -> None:
        super().__init__()
        self.network = network
        self.batch_size = batch_size

    def forward(self, inputs: Tensor) -> Tensor:
        """Class scores."""
        return torch.cat([self.network(some) for some in inputs.split(self.batch_size)])


@dataclass(frozen=True, eq=False)
class Pixels:
    """A network that takes pixels from 0 to 1, and the subject's images as such."""

    model: nn.Module
    images: Images


def why_no_pixels(subject: Subject) -> str | None:
    """The reason why its images are not pixels from 0 to 1, if there is one."""
    if not subject.is_image_model:
        return "it changes pixels, and this network reads no images"
    images = subject.data.images
    low, high = float(images.min()), float(images.max())
    if low < -SLACK or high > 1 + SLACK:
        return (
            f"it changes pixels from 0 to 1, and these are from {low:.3g} to {high:.3g}; say how they were "
            "standardised (`--mean`, `--std`)"
        )
    return None


def in_pixels(subject: Subject, indices: Tensor) -> Pixels:
    """The network from pixels, in single precision at least, and the images at ``indices``, on its device."""
    whole = subject.in_single_precision
    images = whole.data[indices].images.to(whole.device, whole.data.inputs.dtype).clamp(0, 1)
    normalisation = whole.data.normalisation
    model = whole.model if normalisation is None else Standardised(whole.model, normalisation)
    return Pixels(model, images)
