"""Small grey pictures as text, so that a table can hold an example of what was measured."""

from __future__ import annotations

import base64

import torch
from jaxtyping import Float
from torch import Tensor

Picture = Float[Tensor, "height width"]


def as_text(picture: Picture) -> str:
    """Values from 0 to 1 in 256 steps, as "height width base64".

    >>> as_text(torch.tensor([[0.0, 1.0]]))
    '1 2 AP8='
    """
    grey = (picture.detach().cpu().clamp(0, 1) * 255).round().byte()
    return f"{grey.shape[0]} {grey.shape[1]} {base64.b64encode(grey.numpy().tobytes()).decode()}"


def from_text(text: str) -> Picture:
    """The picture that `as_text` made text of.

    >>> from_text("1 2 AP8=")
    tensor([[0., 1.]])
    """
    height, width, encoded = text.split()
    grey = torch.frombuffer(bytearray(base64.b64decode(encoded)), dtype=torch.uint8)
    return grey.reshape(int(height), int(width)).float() / 255
