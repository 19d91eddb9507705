"""Small landscapes drawn by rule, with the class of every pixel: sky, ground, a sun, a house, a tree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator

SCENE_CLASSES = ("sky", "ground", "sun", "house", "tree")
"""Every pixel belongs to exactly one of these."""

_COLOURS = ((0.50, 0.72, 0.95), (0.62, 0.55, 0.32), (1.00, 0.88, 0.25), (0.78, 0.20, 0.18), (0.08, 0.38, 0.14))
_UNIT = 16
"""Lengths below are in sixteenths of the side."""
_TINT, _GRAIN = 0.04, 0.02
"""Standard deviations of the colour of a thing in an image, and of a pixel."""


@dataclass(frozen=True, eq=False)
class LabelledScenes:
    """Images and the class of each of their pixels."""

    images: Float[Tensor, "n 3 side side"]
    """In [0, 1]."""
    labels: Int[Tensor, "n side side"]
    """Numbers of `SCENE_CLASSES`."""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def masks(self) -> Bool[Tensor, "n classes side side"]:
        """True where a class is, one mask a class."""
        return self.labels[:, None] == torch.arange(len(SCENE_CLASSES), device=self.labels.device)[:, None, None]


@checked
def scenes(
    n: int, *, side: int = 16, sun: float = 0.5, house: float = 0.6, tree: float = 0.6, seed: int = 0
) -> LabelledScenes:
    """``n`` landscapes of ``side`` by ``side`` pixels with the class of every pixel.

    At the usual 16 pixels a side: a horizon below row 8, 9 or 10; a sun of radius 2 in the sky; a red house of 5 by 5
    and a dark green tree of 3 by 5 that stand one row below the horizon, on opposite halves. The house and the tree
    hide what is behind them. Larger sides are the same scenes at more pixels. Every thing has a colour of its own with
    a little noise, and every pixel a little more.

    Args:
        n: how many, at least 1.
        side: pixels, at least 16.
        sun, house, tree: how likely each of them is to be there, independently.
        seed: of everything that is drawn at random.

    Raises:
        InputError: a number is out of its range.

    >>> drawn = scenes(100)
    >>> drawn.images.shape, drawn.masks.shape, bool((drawn.masks.sum(1) == 1).all())
    (torch.Size([100, 3, 16, 16]), torch.Size([100, 5, 16, 16]), True)
    """
    require(isinstance(n, int) and n > 0, f"n must be an int of at least 1, got {n!r}")
    require(isinstance(side, int) and side >= _UNIT, f"side must be an int of at least {_UNIT}, got {side!r}")
    for name, chance in (("sun", sun), ("house", house), ("tree", tree)):
        require(0 <= chance <= 1, f"{name} must be a probability from 0 to 1, got {chance}")
    random = generator(seed)
    labels = _labels(n, side, (sun, house, tree), random)
    colours = torch.tensor(_COLOURS) + _TINT * torch.randn(n, len(_COLOURS), 3, generator=random)
    images = colours[torch.arange(n)[:, None, None], labels].permute(0, 3, 1, 2).contiguous()
    images += _GRAIN * torch.randn(images.shape, generator=random)
    return LabelledScenes(images.clamp_(0, 1), labels)


def _labels(
    n: int, side: int, chances: tuple[float, float, float], random: torch.Generator
) -> Int[Tensor, "n side side"]:
    scale = side / _UNIT

    def place(low: Tensor | float, high: Tensor | float) -> Float[Tensor, "n 1 1"]:
        """A whole number of pixels, uniform between two places given in sixteenths, ends included."""
        first = torch.as_tensor(low, dtype=torch.float32).mul(scale).round()
        last = torch.as_tensor(high, dtype=torch.float32).mul(scale).round()
        drawn = torch.rand(n, 1, 1, generator=random)
        return first + (drawn * (last - first + 1)).floor()

    y, x = torch.arange(side)[:, None].float(), torch.arange(side)[None].float()
    horizon = place(8.0, 10.0)
    labels = (y >= horizon).long().repeat(1, 1, side)
    there = torch.rand(n, 3, 1, 1, generator=random) < torch.tensor(chances)[:, None, None]
    centre_y, centre_x = place(2.0, horizon / scale - 3), place(2.0, 13.0)
    # Five sixteenths across, and at 16 pixels a round disc of 21 rather than a square of 25.
    disc = (y - centre_y) ** 2 + (x - centre_x) ** 2 <= (2.5 * scale - 0.25) ** 2
    labels[disc & there[:, 0]] = SCENE_CLASSES.index("sun")
    foot = horizon + math.ceil(scale)
    left = torch.rand(n, 1, 1, generator=random) < 0.5
    half = side // 2
    for number, (name, width) in enumerate((("house", 5), ("tree", 3)), start=1):
        wide, tall = round(width * scale), round(5 * scale)
        inset = place(0.0, 8.0 - width)
        start = inset.clamp(max=half - wide) + half * (left if name == "house" else ~left)
        box = (y >= foot - tall) & (y < foot) & (x >= start) & (x < start + wide)
        labels[box & there[:, number]] = SCENE_CLASSES.index(name)
    return labels
