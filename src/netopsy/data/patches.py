"""Which photograph is a patch from? Small real images in sixteen classes, there without a network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.data.dataset import Dataset
from netopsy.data.photographs import PHOTOGRAPHS, photograph

_LEFT = 0.7
"""Training patches lie in this share of a photograph's width, from the left; test patches in the rest."""
_SHORTEST = 256


@checked
def photograph_patches(train: int, test: int, *, size: int = 32, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Grey patches of the bundled photographs at random positions, in [0, 1], to tell which photograph they are from.

    The photographs take turns. Training patches lie in their left 70%, test patches in the rest: no pixel is in both.
    Photographs of more than 256 pixels along the shorter side are reduced to that, so that a patch shows more than a
    spot of one tone.

    Args:
        train, test: how many patches.
        size: pixels a side, at most 77: as many as fit in the narrowest part.

    Raises:
        InputError: no patches, or a size that does not fit.

    >>> train, test = photograph_patches(32, 16, size=24)
    >>> train.inputs.shape, len(test), test.class_count
    (torch.Size([32, 1, 24, 24]), 16, 16)
    """
    require(train > 0 and test > 0, f"train and test must be at least 1, got {train} and {test}")
    images = _reduced()
    borders = [int(_LEFT * image.shape[1]) for image in images]
    left = [image[:, :border] for image, border in zip(images, borders, strict=True)]
    right = [image[:, border:] for image, border in zip(images, borders, strict=True)]
    largest = min(min(part.shape) for part in (*left, *right))
    require(0 < size <= largest, f"size must be from 1 to {largest} pixels, got {size}")
    random = generator(seed)
    return _cut(left, train, size, random), _cut(right, test, size, random)


@cache
def _reduced() -> tuple[Float[Tensor, "height width"], ...]:
    found = []
    for name in PHOTOGRAPHS:
        image = photograph(name, grey=True)
        factor = min(1.0, _SHORTEST / min(image.shape[1:]))
        size = [round(factor * side) for side in image.shape[1:]]
        found.append(F.interpolate(image[None], size=size, mode="area")[0, 0])
    return tuple(found)


def _cut(images: Sequence[Tensor], count: int, size: int, random: torch.Generator) -> Dataset:
    labels = torch.arange(count) % len(images)
    inputs = torch.empty(count, 1, size, size)
    for number, image in enumerate(images):
        own = (labels == number).nonzero()[:, 0]
        inputs[own, 0] = crops(image[None], torch.zeros_like(own), size, random)
    return Dataset(inputs, labels, classes=PHOTOGRAPHS, name="patches")


@checked
def crops(
    images: Float[Tensor, "images height width"], which: Int[Tensor, "n"], size: int, random: torch.Generator
) -> Float[Tensor, "n size size"]:
    """A square of ``size`` pixels at a random position of each image that ``which`` names."""
    corners = [torch.randint(side - size + 1, (len(which), 1, 1), generator=random) for side in images.shape[1:]]
    side = torch.arange(size)
    return images[which[:, None, None], corners[0] + side[:, None], corners[1] + side]
