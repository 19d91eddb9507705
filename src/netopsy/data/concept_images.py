"""Generated pictures whose every pixel is labelled: what colour, what texture and what shape is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.data.dataset import Dataset

_COLOURS = {
    "red": (0.9, 0.15, 0.1),
    "orange": (0.95, 0.5, 0.05),
    "yellow": (0.95, 0.9, 0.1),
    "green": (0.15, 0.75, 0.2),
    "cyan": (0.1, 0.8, 0.85),
    "blue": (0.15, 0.25, 0.95),
    "purple": (0.55, 0.15, 0.8),
    "pink": (1.0, 0.55, 0.75),
}
_TONES = {"dark": 0.4, "medium": 0.7, "bright": 1.0}
_DIMMED = 0.35
"""Brightness of a texture's darker half, as a share of that of its brighter half."""

TEXTURES = ("plain", "horizontal", "vertical", "diagonal", "antidiagonal", "checks", "dots", "grid")
SHAPES = ("disc", "square", "triangle", "cross", "ring", "diamond", "frame", "bar")


@dataclass(frozen=True, eq=False)
class ConceptImages:
    """Images with a label a pixel in each of several categories of concepts.

    A network is dissected on them by `netopsy.interpretability.cnn_visualization.dissection.dissect`. Your own images
    and labels fit in as well.
    """

    images: Images
    labels: Mapping[str, Int[Tensor, "batch height width"]]
    """Category to the concept at each pixel, by number; -1 where there is none. An image all of whose pixels are -1 is
    taken not to be annotated in that category."""
    names: Mapping[str, tuple[str, ...]]
    """Category to what its concepts are called, by number."""
    figures: Int[Tensor, "batch categories"] | None = None
    """What the figure of a generated image shows, a concept a category."""

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, which: slice | Tensor) -> ConceptImages:
        labels = {category: own[which] for category, own in self.labels.items()}
        figures = None if self.figures is None else self.figures[which]
        return replace(self, images=self.images[which], labels=labels, figures=figures)

    def batches(self, size: int = 128) -> Iterator[ConceptImages]:
        """The images in parts, in their order."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def dataset(self) -> Dataset:
        """The generated images with what their figure shows, several labels an image: one a category.

        >>> concept_images(4).dataset().targets.sum(1).tolist()
        [3.0, 3.0, 3.0, 3.0]
        """
        require(self.figures is not None, "these images have no figures: only generated ones can be trained on")
        assert self.figures is not None
        counts = [len(names) for names in self.names.values()]
        parts = [
            torch.nn.functional.one_hot(column, count) for column, count in zip(self.figures.T, counts, strict=True)
        ]
        classes = tuple(name for names in self.names.values() for name in names)
        return Dataset(self.images, torch.cat(parts, 1).float(), classes, "concept images")


@checked
def concept_images(
    n: int, *, size: int | tuple[int, int] = 48, channels: int = 3, noise: float = 0.03, seed: int = 0
) -> ConceptImages:
    """``n`` pictures of one figure of some colour, texture and shape, the three drawn independently.

    Concepts are as rare as in the pictures that networks are usually dissected with: each colour is on some 2 % of all
    pixels. The background is a cloudy grey that shows no concept, any grey behind colours and a dark one behind tones.
    Pictures of one channel have three tones instead of eight colours, as have those of any other number than 3.

    Args:
        n: how many, at least 1.
        size: pixels a side, or height and width; at least 6.
        channels: 1 for grey, 3 for colours.
        noise: standard deviation of what is added to every value.
        seed: everything is drawn from it.

    Returns:
        Images in [0, 1] and labels in the categories "colour" (or "tone"), "texture" and "shape": the figure's own
        inside it, -1 outside.

    Raises:
        InputError: a number is out of its range.

    >>> drawn = concept_images(5, size=16, channels=1)
    >>> drawn.images.shape, list(drawn.labels), drawn.names["tone"]
    (torch.Size([5, 1, 16, 16]), ['tone', 'texture', 'shape'], ('dark', 'medium', 'bright'))
    """
    require(isinstance(n, int) and n > 0, f"n must be an int of at least 1, got {n!r}")
    height, width = (size, size) if isinstance(size, int) else size
    require(min(height, width) >= 6, f"size must be at least 6, got {size!r}")
    require(isinstance(channels, int) and channels > 0, f"channels must be an int of at least 1, got {channels!r}")
    require(noise >= 0, f"noise must not be negative, got {noise}")
    random, coloured = generator(seed), channels == 3
    palette = torch.tensor(list(_COLOURS.values()) if coloured else [[tone] * channels for tone in _TONES.values()])
    inside, shape = _shapes(n, height, width, random)
    colour, texture = (torch.randint(count, (n,), generator=random) for count in (len(palette), len(TEXTURES)))
    pattern = _patterns(n, height, width, random)[torch.arange(n), texture]
    figure = palette[colour][:, :, None, None] * pattern[:, None]
    images = torch.where(inside[:, None], figure, _clouds(n, height, width, 0.9 if coloured else 0.15, random)[:, None])
    images = (images + noise * torch.randn(images.shape, generator=random)).clamp(0, 1)
    names = {"colour" if coloured else "tone": tuple(_COLOURS if coloured else _TONES)}
    names |= {"texture": TEXTURES, "shape": SHAPES}
    figures = torch.stack([colour, texture, shape], 1)
    # One byte a label: they are looked up often.
    nothing = torch.tensor(-1, dtype=torch.int8)
    labels = [torch.where(inside, column[:, None, None], nothing) for column in figures.to(torch.int8).T]
    return ConceptImages(images.contiguous(), dict(zip(names, labels, strict=True)), names, figures)


def _clouds(
    n: int, height: int, width: int, brightest: float, random: torch.Generator
) -> Float[Tensor, "n height width"]:
    """Smooth greys, from 0 to ``brightest``."""
    coarse = torch.rand(n, 1, 1, 1, generator=random) + 0.3 * torch.randn(n, 1, 4, 4, generator=random)
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    return brightest * fine[:, 0].clamp(0, 1)


def _shapes(
    n: int, height: int, width: int, random: torch.Generator
) -> tuple[Bool[Tensor, "n height width"], Int[Tensor, "n"]]:
    """Where each figure is, wholly within its image, and which shape it has."""
    radius = min(height, width) * (0.24 + 0.14 * torch.rand(n, generator=random))
    down, across = (radius + (side - 2 * radius) * torch.rand(n, generator=random) - 0.5 for side in (height, width))
    v = ((torch.arange(height) - down[:, None]) / radius[:, None])[:, :, None]
    u = ((torch.arange(width) - across[:, None]) / radius[:, None])[:, None, :]
    length, most = (u**2 + v**2).sqrt(), torch.maximum(u.abs(), v.abs())
    drawn = [
        length <= 1,
        most <= 0.85,
        (v <= 0.85) & (u.abs() <= (v + 1) / 1.85),
        (torch.minimum(u.abs(), v.abs()) <= 0.33) & (most <= 1),
        (length <= 1) & (length >= 0.5),
        u.abs() + v.abs() <= 1,
        (most <= 0.9) & (most >= 0.45),
        (u.abs() <= 1) & (v.abs() <= 0.4),
    ]
    shape = torch.randint(len(SHAPES), (n,), generator=random)
    return torch.stack(drawn, 1)[torch.arange(n), shape], shape


def _patterns(n: int, height: int, width: int, random: torch.Generator) -> Float[Tensor, "n textures height width"]:
    """Brightness of each texture at each pixel, with a phase of its own for each image."""
    half = max(1, round(min(height, width) / 16))
    phase = torch.randint(4 * half, (2, n, 1, 1), generator=random)
    y, x = torch.arange(height)[:, None] + phase[0], torch.arange(width) + phase[1]
    rows, columns = torch.broadcast_tensors(y // half % 2 > 0, x // half % 2 > 0)
    # Of one pixel's width, diagonal stripes would be checks.
    falling, rising = ((along.int() // max(2, half)) % 2 > 0 for along in (x - y, x + y))
    plain, both = torch.zeros_like(falling), rows & columns
    dark = torch.stack([plain, rows, columns, falling, rising, rows ^ columns, ~both, both], 1)
    return torch.where(dark, _DIMMED, 1.0)
