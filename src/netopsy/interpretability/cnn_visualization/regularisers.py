"""What is done to images during activation maximisation so that they look like images: corrections and jitter.

Each is a small callable; with the penalties of `netopsy.interpretability.cnn_visualization.penalties` they go into a
list, and are used in the order they stand there. Corrections come after the step. The survey takes decay, blur and
both kinds of clipping from Yosinski et al. 2015 (numbers as remembered, unconfirmed).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.shapes import Images
from netopsy.interpretability.cnn_visualization.penalties import Mean, Penalty


@dataclass(frozen=True, eq=False)
class Step:
    """What a correction may know."""

    number: int
    """Steps done, this one included."""
    gradient: Images
    """Of what is maximised, with respect to the images before the step, as shares of the range."""
    mean: Mean
    """The image without anything in it."""


class Correction:
    """Changes the images after a step; any function ``(images, step) -> images`` serves as one, too."""

    @abstractmethod
    def __call__(self, images: Images, step: Step) -> Images:
        """The images, corrected."""


@dataclass(frozen=True)
class L2Decay(Correction):
    """``x <- mean + (1 - share) * (x - mean)``: what nothing keeps up fades into the mean, not into black."""

    share: float = 1e-3

    def __post_init__(self) -> None:
        require(0 <= self.share <= 1, f"share must be from 0 to 1, got {self.share}")

    def __call__(self, images: Images, step: Step) -> Images:
        """The images, faded."""
        return torch.lerp(images, step.mean.expand_as(images), self.share)


@dataclass(frozen=True)
class GaussianBlur(Correction):
    """Blurs with a Gaussian of ``sd`` pixels every ``every`` steps; the border is continued as it is."""

    sd: float = 0.5
    every: int = 4

    def __post_init__(self) -> None:
        require(self.sd > 0, f"sd must be positive, got {self.sd}")
        require(self.every >= 1, f"every must be at least 1, got {self.every}")

    def __call__(self, images: Images, step: Step) -> Images:
        """The images, blurred if it is time."""
        return gaussian_blur(images, self.sd) if step.number % self.every == 0 else images


@dataclass(frozen=True)
class ClipSmallNorm(Correction):
    """Sets the positions that differ least from the mean image to it: ``percentile`` per cent of them in each image."""

    percentile: float = 20.0

    def __post_init__(self) -> None:
        _check_percentile(self.percentile)

    def __call__(self, images: Images, step: Step) -> Images:
        """The images, clipped."""
        sizes = torch.linalg.vector_norm(images - step.mean, dim=1, keepdim=True)
        return _without_smallest(images, sizes, step.mean, self.percentile)


@dataclass(frozen=True)
class ClipSmallContribution(Correction):
    """Sets the positions to the mean image that matter least: of least ``|sum_c (x_c - mean_c) gradient_c|``."""

    percentile: float = 20.0

    def __post_init__(self) -> None:
        _check_percentile(self.percentile)

    def __call__(self, images: Images, step: Step) -> Images:
        """The images, clipped."""
        sizes = ((images - step.mean) * step.gradient).sum(1, keepdim=True).abs()
        return _without_smallest(images, sizes, step.mean, self.percentile)


@dataclass(frozen=True)
class Jitter:
    """Shows the network the images rolled by up to ``pixels``, another offset every step, the same for a whole batch.

    ``None`` is a 16th of the image's height, at least one pixel. Nothing is left to undo: the gradient rolls back.
    """

    pixels: int | None = None

    def __post_init__(self) -> None:
        require(self.pixels is None or self.pixels >= 0, f"pixels must not be negative, got {self.pixels}")

    def offsets(self, steps: int, height: int, random: torch.Generator) -> list[tuple[int, int]]:
        """Rows and columns to roll by, one pair a step."""
        most = max(1, height // 16) if self.pixels is None else self.pixels
        drawn = torch.randint(-most, most + 1, (steps, 2), generator=random, device=random.device)
        return [(int(rows), int(columns)) for rows, columns in drawn.tolist()]

    def __call__(self, images: Images, offset: tuple[int, int]) -> Images:
        """The images, rolled."""
        return images.roll(offset, (2, 3))


Regulariser = Penalty | Correction | Jitter | Callable[[Images, Step], Images]


def gaussian_blur(images: Images, sd: float) -> Images:
    """The images, blurred with a Gaussian of ``sd`` pixels; what is constant stays as it is.

    >>> torch.allclose(gaussian_blur(torch.ones(1, 1, 4, 4), 0.5), torch.ones(1, 1, 4, 4))
    True
    """
    radius = max(1, math.ceil(3 * sd))
    positions = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-positions.square() / (2 * sd**2))
    kernel = kernel / kernel.sum()
    channels = images.shape[1]
    padded = F.pad(images, (radius,) * 4, mode="replicate")
    across = F.conv2d(padded, kernel.expand(channels, 1, 1, -1), groups=channels)
    return F.conv2d(across, kernel[:, None].expand(channels, 1, -1, 1), groups=channels)


def _without_smallest(
    images: Images, sizes: Float[Tensor, "batch 1 height width"], mean: Mean, percentile: float
) -> Images:
    least = torch.quantile(sizes.flatten(1), percentile / 100, dim=1)[:, None, None, None]
    return torch.where(sizes < least, mean.expand_as(images), images)


def _check_percentile(percentile: float) -> None:
    require(0 <= percentile <= 100, f"percentile must be from 0 to 100, got {percentile}")
