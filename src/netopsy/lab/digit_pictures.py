"""A picture of a handwritten digit as a data set of digits has it: bright ink on dark, of their size and place."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.shapes import Images

FAINT = 0.04
"""Brightest less darkest: with less, nothing stands out from the paper."""
LARGEST = 1024
"""Pixels of the longer side, to which larger pictures are reduced before ink is looked for."""
FEWEST = 4
"""Pixels of the longer side of the ink, which a digit must have."""
SPECK = 0.02
"""Share of the ink below which a piece that hangs together is dirt."""
_GREY = torch.tensor([0.299, 0.587, 0.114])

Grey = Float[Tensor, "_rows _columns"]


@dataclass(frozen=True)
class Frame:
    """Where ink is in the images of a data set of digits, in pixels."""

    rows: float
    """From the topmost to the lowest ink, in the median."""
    columns: float
    """From the leftmost to the rightmost; nine of ten digits are no wider."""
    middle: tuple[float, float]
    """Row and column of the middle of both, in the median."""


def brightness(picture: Float[Tensor, "3 rows columns"]) -> Grey:
    """Colours as brightness, by the weights of ITU-R BT.601; what is grey stays what it is to the last digit."""
    grey = (picture == picture[:1]).all(0)
    return torch.where(grey, picture[0], torch.tensordot(_GREY.to(picture), picture, dims=1))


def frame_of(images: Images) -> Frame:
    """The place of the ink: what is more than half as bright as the brightest pixel of an image.

    >>> image = torch.zeros(1, 1, 8, 8)
    >>> image[..., 1:7, 2:5] = 1
    >>> frame_of(image)
    Frame(rows=6.0, columns=3.0, middle=(4.0, 3.5))
    """
    grey = images.float().mean(1)
    ink = grey > grey.amax((1, 2), keepdim=True) / 2
    down, across = _extent(ink.any(2)), _extent(ink.any(1))
    height, width = down[1] - down[0], across[1] - across[0]
    middle = [float((ends.sum(0) / 2).median()) for ends in (down, across)]
    return Frame(float(height.median()), float(width.quantile(0.9)), (middle[0], middle[1]))


def as_digit(picture: Float[Tensor, "3 rows columns"], like: Images) -> tuple[Float[Tensor, "height width"], str]:
    """The digit on a picture as ``like`` has digits: grey, from 0 for the paper to 1 for the ink.

    In this order: colours become brightness; the ink is what Otsu's threshold parts from the paper, and the paper is
    what the edge of the picture mostly is, so that dark ink on bright paper is turned round; paper becomes 0 and ink 1,
    and what lies between them grey; pieces of less than 2 % of the ink are left out as dirt; the box around the ink is
    brought to the height that digits have in ``like``, or less where it would be wider than they are, and to their
    place; it is resized with antialiasing. A picture that has the very size of ``like`` is at most turned round.

    Returns:
        The image, and in a sentence what was done.

    Raises:
        InputError: the picture has no ink, or too little of it.
    """
    size = (like.shape[2], like.shape[3])
    grey = _reduced(brightness(picture))
    low, high = float(grey.min()), float(grey.max())
    require(
        high - low >= FAINT,
        "the picture must show a digit, and nothing stands out from it: its brightness is from "
        f"{low:.2f} to {high:.2f}",
    )
    grey, threshold, turned = _bright_on_dark(grey)
    first = "dark on bright was turned into bright on dark; " if turned else ""
    if tuple(picture.shape[1:]) == size:
        return grey, f"It was read as a digit: {first or 'nothing was changed, for '}it has the network's own size."
    ink = _without_specks(_stretched(grey, threshold))
    top, bottom = (float(each[0]) for each in _extent((ink > 0.5).any(1)[None]))
    left, right = (float(each[0]) for each in _extent((ink > 0.5).any(0)[None]))
    require(
        max(bottom - top, right - left) >= FEWEST,
        f"the digit on the picture must be at least {FEWEST} pixels high or wide, and this is "
        f"{right - left:.0f}x{bottom - top:.0f}",
    )
    frame = frame_of(like)
    scale = max((bottom - top) / frame.rows, (right - left) / frame.columns)
    corner = ((top + bottom) / 2 - scale * frame.middle[0], (left + right) / 2 - scale * frame.middle[1])
    cut = _cut(ink, corner, (round(size[0] * scale), round(size[1] * scale)))
    small = F.interpolate(cut[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
    return small / small.max(), (
        f"It was read as a digit: brought to grey, {first}cut to the ink ({right - left:.0f}x{bottom - top:.0f} of "
        f"{picture.shape[2]}x{picture.shape[1]} pixels), placed as the network's digits are and resized to "
        f"{size[1]}x{size[0]}."
    )


def _reduced(grey: Grey) -> Grey:
    longest = max(grey.shape)
    if longest <= LARGEST:
        return grey
    size = [max(1, round(side * LARGEST / longest)) for side in grey.shape]
    return F.interpolate(grey[None, None], size, mode="bilinear", antialias=True)[0, 0]


def _bright_on_dark(grey: Grey) -> tuple[Grey, float, bool]:
    """The picture with bright ink, the threshold between ink and paper, and whether it was turned round."""
    from skimage.filters import threshold_otsu

    threshold = float(threshold_otsu(grey.numpy()))
    edge = torch.cat([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    if float((edge > threshold).float().mean()) > 0.5:
        return 1 - grey, 1 - threshold, True
    return grey, threshold, False


def _stretched(grey: Grey, threshold: float) -> Grey:
    """From 0 for paper to 1 for ink."""
    ink = grey > threshold
    paper, full = grey[~ink].median(), grey[ink].median()
    return ((grey - paper) / (full - paper).clamp_min(1e-6)).clamp(0, 1)


def _without_specks(ink: Grey) -> Grey:
    from scipy.ndimage import label

    pieces, count = label((ink > 0.5).numpy(), structure=torch.ones(3, 3).numpy())
    found = torch.from_numpy(pieces).long()
    sizes = found.flatten().bincount(minlength=count + 1)[1:]
    if count < 2 or float(sizes.min()) >= SPECK * float(sizes.sum()):
        return ink
    dirt = torch.cat([torch.tensor([False]), sizes < SPECK * sizes.sum()])
    return torch.where(dirt[found], 0.0, ink)


def _cut(ink: Grey, corner: tuple[float, float], size: tuple[int, int]) -> Grey:
    """That part of the picture, with paper where it reaches beyond the picture."""
    top, left = round(corner[0]), round(corner[1])
    bottom, right = top + max(1, size[0]), left + max(1, size[1])
    rows, columns = ink.shape
    inside = ink[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    beyond = (max(0, -left), max(0, right - columns), max(0, -top), max(0, bottom - rows))
    return F.pad(inside, beyond)


def _extent(lines: Tensor) -> Tensor:
    """``[2, batch]``: where the true entries of each row begin, and where they have ended."""
    count = lines.shape[1]
    return torch.stack([lines.float().argmax(1), count - lines.flip(1).float().argmax(1)]).float()
