"""Small help for the pictures of instruments: names that fit, and images as they were before they were standardised."""

from __future__ import annotations

from functools import cache

import torch.nn.functional as F
from matplotlib import font_manager
from matplotlib.axes import Axes
from torch import Tensor

from netopsy.examination.subject import Subject

LARGEST = 96
"""Pixels a side of an image in a report; more could not be seen there."""


def label(text: str, most: int = 24) -> str:
    """``text`` for a drawing: in one line, cut in the middle where it is long, dollar signs taken literally.

    >>> label("a very long name of a class indeed", most=11)
    'a ver…ndeed'
    """
    text = " ".join(text.split()) or "–"
    if len(text) > most:
        head = (most - 1 + 1) // 2
        text = f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"
    return text.replace("$", r"\$")


def class_label(subject: Subject, number: int, most: int = 24) -> str:
    """The name of a class for a drawing; its number where the font has not all letters of the name."""
    name = subject.class_name(number)
    shown = "".join(letter for letter in name if letter.isspace() or _drawable(letter)).strip()
    if len(shown) == len(name.strip()):
        return label(name, most)
    return label(f"{number}: {shown}" if shown else f"class {number}", most)


@cache
def _drawable(letter: str) -> bool:
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans"))
    return font.get_char_index(ord(letter)) != 0


def show_image(axes: Axes, image: Tensor) -> None:
    """Draw one image ``[channels, height, width]``: colours where there are three channels, otherwise their mean.

    Values from 0 to 1 are shown as they are; others are stretched from the darkest to the brightest.
    """
    image = image.detach().cpu().float()
    if image.shape[0] != 3:
        image = image.mean(0, keepdim=True)
    factor = max(image.shape[1:]) / LARGEST
    if factor > 1:
        size = [max(1, round(side / factor)) for side in image.shape[1:]]
        image = F.interpolate(image[None], size=size, mode="area")[0]
    low, high = float(image.min()), float(image.max())
    if low < -1e-3 or high > 1 + 1e-3:
        image = (image - low) / max(high - low, 1e-9)
    picture = image.clamp(0, 1).movedim(0, -1).numpy()
    # Pixels as they are: the browser enlarges them, and the file stays small.
    axes.imshow(
        picture if picture.shape[-1] == 3 else picture[..., 0], cmap="gray", vmin=0, vmax=1, interpolation="none"
    )
    axes.set_axis_off()
