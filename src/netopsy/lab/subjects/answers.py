"""What a network takes images for."""

from __future__ import annotations

import torch
from torch import nn

from netopsy.core.modes import device_of
from netopsy.core.shapes import Images, Labels


@torch.no_grad()
def answers(model: nn.Module, images: Images) -> Labels:
    """The predicted classes, on the images' device; the images may be of another type than the weights."""
    weights = next(model.parameters())
    parts = [model(some.to(device_of(model), weights.dtype)).argmax(1) for some in images.split(256)]
    return torch.cat(parts).to(images.device)
