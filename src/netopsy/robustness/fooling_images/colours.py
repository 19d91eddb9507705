"""Hue, lightness and saturation to red, green and blue, for batches."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from netopsy.core.errors import require
from netopsy.core.shapes import Images

Colour = Literal["hls", "plain"]


def check_colour(colour: object) -> None:
    """Raise `InputError` unless ``colour`` is one of the two."""
    require(colour in get_args(Colour), f"colour must be 'hls' or 'plain', got {colour!r}")


def in_colour(images: Images, colour: Colour) -> Images:
    """Images whose three channels are hue, lightness and saturation, in red, green and blue; others as they are."""
    return hls_to_rgb(images) if colour == "hls" and images.shape[1] == 3 else images


def hls_to_rgb(images: Images) -> Images:
    """Three channels hue, lightness, saturation from 0 to 1 as red, green and blue from 0 to 1.

    >>> hls_to_rgb(torch.tensor([0.0, 0.5, 1.0])[None, :, None, None]).flatten().tolist()
    [1.0, 0.0, 0.0]
    """
    hue, lightness, saturation = images[:, 0:1], images[:, 1:2], images[:, 2:3]
    reach = saturation * torch.minimum(lightness, 1 - lightness)
    # Twelfths of the circle: red starts at 0, green at 8, blue at 4.
    at = (torch.tensor([0.0, 8.0, 4.0]).to(images)[:, None, None] + 12 * hue) % 12
    return lightness - reach * torch.minimum(at - 3, 9 - at).clamp(-1, 1)
