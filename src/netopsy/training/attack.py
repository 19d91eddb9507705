"""Noise that a network minds most: projected gradient ascent of the loss, per pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from netopsy.core.errors import require
from netopsy.core.modes import evaluating, frozen
from netopsy.core.shapes import Images, Labels


@dataclass(frozen=True)
class Attack:
    """Projected gradient noise, per pixel, on images from 0 to 1."""

    radius: float = 0.1
    step: float = 0.02
    steps: int = 10


def pgd(model: nn.Module, images: Images, labels: Labels, attack: Attack) -> Images:
    """Images within ``attack.radius`` of the given ones, per pixel, that raise the cross-entropy of their labels.

    Each step moves every pixel in the direction of the gradient's sign, then back into the ball and into the range 0
    to 1. It starts at the images themselves.

    Raises:
        InputError: a radius, step or number of steps that is not positive.

    Source: Madry et al. 2018, section 2.1.

    >>> images = torch.full((1, 1, 2, 2), 0.5)
    >>> moved = pgd(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), images, torch.tensor([0]), Attack())
    >>> round(float((moved - images).abs().max()), 4)
    0.1
    """
    require(min(attack.radius, attack.step, attack.steps) > 0, f"radius, step and steps must be positive, got {attack}")
    found = images.detach().clone()
    with torch.enable_grad(), evaluating(model), frozen(model):
        for _ in range(attack.steps):
            found.requires_grad_()
            loss = nn.functional.cross_entropy(model(found), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, found)
            found = found.detach() + attack.step * gradient.sign()
            found = torch.minimum(torch.maximum(found, images - attack.radius), images + attack.radius).clamp(0, 1)
    return found.detach()
