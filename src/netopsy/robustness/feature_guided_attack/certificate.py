"""A guarantee from a grid of images that is searched completely, where a Lipschitz constant is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.robustness.checks import as_batch, check_class
from netopsy.robustness.queries import Classifier, Queries

MOST_IMAGES = 2**22
BATCH = 4096
SHIFT = 2.0
"""Taken off all scores, so that none are taken for probabilities; differences of scores stay what they are."""


@dataclass(frozen=True)
class Certificate:
    """What a grid of images says about every image of the region."""

    safe: bool
    """No image of the region has another class."""
    nearest: float
    """Distance of the nearest grid image of another class; infinite where there is none."""
    distance: float
    """Every image of another class in the region is at least as far as this; infinite where it is safe."""
    radius: float
    """No image of the region is farther than this from the grid."""
    grid_images: int
    least_margin: float
    """The least of (score of the true class - score of another) / Lipschitz constant over the grid, in distance."""


@checked
def certify_grid(
    model: Classifier,
    image: Float[Tensor, "channels height width"],
    label: int | None,
    lipschitz: float | int | Sequence[float] | Float[Tensor, "classes"],
    pixels: Sequence[tuple[int, int]],
    *,
    tau: float | int = 1.0,
    levels: int = 1,
    norm: float | int = 1,
) -> Certificate:
    """Whether images in a box around an image all have its class, from those on a grid and a Lipschitz constant.

    The region is all images that differ from the image in ``pixels`` only, in each channel by at most ``levels * tau``,
    within 0 to 1. The grid is the image with multiples of ``tau`` added there, cut off at the bounds, which moves no
    grid image away from one of the region; so every image of the region is within ``(tau / 2) n^(1 / norm)`` of the
    grid, n being pixels times channels. A grid image whose score of the true class exceeds every other by more than the
    Lipschitz constant times that radius vouches for all images within the radius. The distance to the nearest grid
    image that does not, less the radius, bounds that of every image of another class from below.

    Args:
        model: a network or a function from images to scores; the scores are taken as they come, probabilities too.
        image: ``[channels, height, width]`` from 0 to 1.
        label: its class; ``None`` for the predicted one.
        lipschitz: of ``f_label - f_j`` in the norm, one for all j or one a class; that of the label is not used.
        pixels: row and column of each.
        tau: step of the grid.
        levels: steps to either side.
        norm: 1, 2 or infinity.

    Raises:
        InputError: an image outside 0 to 1, a constant that is not positive, pixels outside the image or named twice, a
            norm that is none of these, or a grid of more than 4 million images.

    Source: Wicker et al. 2018, section 4.3 on the guarantee (place unconfirmed).

    >>> linear = lambda images: torch.stack([images.sum((1, 2, 3)), torch.full((len(images),), 0.45)], 1)
    >>> found = certify_grid(linear, torch.ones(1, 1, 2), 0, 1.0, [(0, 0), (0, 1)], tau=0.1, levels=5)
    >>> found.safe, found.grid_images, round(found.least_margin, 2), round(found.radius, 2)
    (True, 36, 0.55, 0.1)
    """
    batch = as_batch(image)
    places, constants = _checked(image, lipschitz, pixels, float(tau), levels, float(norm))
    queries = Queries(_Scores(model) if isinstance(model, nn.Module) else lambda images: _shifted(model(images)))
    scores = queries(batch)[0]
    label = int(scores.argmax()) if label is None else label
    check_class(label, len(scores))
    require(len(constants) in (1, len(scores)), f"lipschitz must be one or {len(scores)}, got {len(constants)}")
    axes = [
        (value + tau * torch.arange(-levels, levels + 1, dtype=torch.double)).clamp(0, 1).unique()
        for value in image.detach().cpu().double().flatten(1)[:, places].flatten().tolist()
    ]
    count = math.prod(map(len, axes))
    require(count <= MOST_IMAGES, f"pixels, levels and tau give a grid of {count} images, at most {MOST_IMAGES} fit")
    radius = float(tau) / 2 * (1.0 if norm == math.inf else len(axes) ** (1 / norm))
    nearest = failing = least = math.inf
    others = [number for number in range(len(scores)) if number != label]
    own = constants if len(constants) == 1 else constants[others]
    for start in range(0, count, BATCH):
        values = _grid(axes, start, min(count, start + BATCH))
        images = batch.expand(len(values), *image.shape).clone().flatten(2)
        images[:, :, places] = values.view(len(values), len(image), len(places)).to(images)
        change = (images.flatten(1) - batch.flatten(1)).double()
        distances = torch.linalg.vector_norm(change, float(norm), dim=1).cpu()
        rows = queries(images.view(-1, *image.shape)).double()
        gaps = rows[:, label, None] - rows[:, others]
        margins = (gaps / own).amin(1)
        least = min(least, float(margins.min()))
        nearest = min(nearest, *distances[(gaps <= 0).any(1)].tolist(), math.inf)
        failing = min(failing, *distances[margins <= radius].tolist(), math.inf)
    safe = failing == math.inf
    return Certificate(safe, nearest, math.inf if safe else max(0.0, failing - radius), radius, count, least)


class _Scores(nn.Module):
    """A network whose scores are not taken for probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return _shifted(self.network(images))


def _shifted(scores: object) -> Tensor:
    return torch.as_tensor(scores) - SHIFT


def _grid(axes: Sequence[Tensor], start: int, end: int) -> Float[Tensor, "images numbers"]:
    """Grid images ``start`` to ``end`` in the order of `itertools.product`."""
    numbers, columns = torch.arange(start, end), []
    for axis in reversed(axes):
        columns.append(axis[numbers % len(axis)])
        numbers = numbers // len(axis)
    return torch.stack(columns[::-1], 1)


def _checked(
    image: Tensor, lipschitz: object, pixels: Sequence[tuple[int, int]], tau: float, levels: int, norm: float
) -> tuple[Tensor, Tensor]:
    """Flat places of the pixels, and the constants."""
    require(norm in (1, 2, math.inf), f"norm must be 1, 2 or infinity, got {norm}")
    require(0 < tau <= 1, f"tau must be above 0 and at most 1, got {tau}")
    require(isinstance(levels, int) and levels >= 1, f"levels must be an int of at least 1, got {levels!r}")
    constants = torch.as_tensor(lipschitz, dtype=torch.double).flatten()
    require(
        len(constants) > 0 and bool((constants > 0).all()) and bool(constants.isfinite().all()),
        f"lipschitz must be positive, got {lipschitz!r}",
    )
    height, width = image.shape[1:]
    require(len(pixels) > 0, "pixels must name at least one")
    for pixel in pixels:
        fine = len(pixel) == 2 and 0 <= pixel[0] < height and 0 <= pixel[1] < width
        require(fine, f"pixels must be rows below {height} and columns below {width}, got {tuple(pixel)}")
    places = [row * width + column for row, column in pixels]
    require(len(set(places)) == len(places), "pixels must each be named once")
    return torch.tensor(places), constants
