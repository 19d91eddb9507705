"""Adversarial noise by projected gradient ascent."""

from __future__ import annotations

import torch
from torch import nn

from netopsy.core.errors import require
from netopsy.core.modes import evaluating, frozen
from netopsy.core.shapes import Images, Labels


def pgd(
    model: nn.Module, images: Images, labels: Labels, *, radius: float = 0.1, step: float = 0.02, steps: int = 10
) -> Images:
    """Images within ``radius`` of the given ones, per pixel, that raise the cross-entropy of their labels.

    Each of ``steps`` moves every pixel by ``step`` in the direction of the gradient's sign, then back into the ball and
    into the range 0 to 1. It starts at the images themselves.

    Source: Madry et al. 2018, section 2.1.

    >>> images = torch.full((1, 1, 2, 2), 0.5)
    >>> moved = pgd(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), images, torch.tensor([0]))
    >>> round(float((moved - images).abs().max()), 4)
    0.1
    """
    require(
        radius > 0 and step > 0 and steps > 0, f"radius, step and steps must be positive, got {radius, step, steps}"
    )
    found = images.detach().clone()
    with torch.enable_grad(), evaluating(model), frozen(model):
        for _ in range(steps):
            found.requires_grad_()
            loss = nn.functional.cross_entropy(model(found), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, found)
            found = found.detach() + step * gradient.sign()
            found = torch.minimum(torch.maximum(found, images - radius), images + radius).clamp(0, 1)
    return found.detach()
