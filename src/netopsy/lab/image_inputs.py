"""What a network is fed when somebody brings a picture: as many channels, as large and of such values as its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data import Dataset
from netopsy.lab.digit_pictures import as_digit, brightness

ReadAs = Literal["automatic", "digit", "photograph"]
READ_AS: tuple[ReadAs, ...] = get_args(ReadAs)
SLACK = 1e-3
"""How far pixels may leave the range from 0 to 1 by rounding."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as a network takes it."""

    pixels: Float[Tensor, "channels rows columns"]
    """From 0 to 1; `from_pixels` is what takes them."""
    told: str
    """What was done to the picture, in sentences."""


@checked
def prepared(picture: Float[Tensor, "3 rows columns"], like: Dataset, read_as: ReadAs = "automatic") -> Prepared:
    """A picture as the images of ``like`` are: of their size, with their channels, and with pixels from 0 to 1.

    A digit is prepared as `netopsy.lab.digit_pictures.as_digit` says. Of a photograph the middle is cut out, as high
    and wide in proportion as the images are, and resized with antialiasing; a network of one channel gets its
    brightness. Read automatically, a picture is a digit for a network of one channel and a photograph for another.

    Args:
        picture: from 0 to 1, of any size.
        like: the network's own images.
        read_as: what the picture is of.

    Raises:
        InputError: the network takes no images of 1 or 3 channels, its images are not from 0 to 1 and nobody said how
            they were standardised, or there is no digit on the picture.

    >>> import torch
    >>> from netopsy.data import digits_split
    >>> picture = torch.ones(3, 100, 60)
    >>> picture[:, 20:80, 28:34] = 0.2
    >>> prepared(picture, digits_split()[-1]).pixels.shape
    torch.Size([1, 8, 8])
    """
    channels, rows, columns = _shape(like)
    if read_as == "digit" or (read_as == "automatic" and channels == 1):
        digit, told = as_digit(picture, like.images)
        return Prepared(digit.expand(channels, -1, -1).contiguous(), told)
    return _photograph(picture, channels, rows, columns)


def from_pixels(model: nn.Module, like: Dataset) -> nn.Module:
    """The network behind the standardisation of its images: it takes pixels from 0 to 1."""
    if like.normalisation is None:
        return model
    from netopsy.robustness.safety_verification import Standardise

    return nn.Sequential(Standardise(like.normalisation.mean, like.normalisation.std), model).eval()


def _shape(like: Dataset) -> tuple[int, int, int]:
    shape = tuple(like.inputs.shape[1:])
    known = len(shape) == 3 and shape[0] in (1, 3)
    require(known, f"the network must take images of 1 or 3 channels, and its inputs are of the shape {shape}")
    low, high = float(like.images.min()), float(like.images.max())
    require(
        low >= -SLACK and high <= 1 + SLACK,
        f"the network's images must be from 0 to 1 before they are standardised, and they are from {low:.3g} to "
        f"{high:.3g}",
    )
    return shape[0], shape[1], shape[2]


def _photograph(picture: Tensor, channels: int, rows: int, columns: int) -> Prepared:
    high, wide = picture.shape[1:]
    scale = min(high / rows, wide / columns)
    kept = max(1, round(rows * scale)), max(1, round(columns * scale))
    top, left = (high - kept[0]) // 2, (wide - kept[1]) // 2
    middle = picture[:, top : top + kept[0], left : left + kept[1]]
    image = F.interpolate(middle[None], (rows, columns), mode="bilinear", antialias=True)[0].clamp(0, 1)
    grey = "brought to grey, " if channels == 1 else ""
    return Prepared(
        brightness(image)[None] if channels == 1 else image,
        f"It was read as a photograph: the middle {kept[1]}x{kept[0]} of {wide}x{high} pixels, {grey}resized to "
        f"{columns}x{rows}.",
    )
