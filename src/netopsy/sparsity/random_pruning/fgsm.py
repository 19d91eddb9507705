"""The fast gradient sign method."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.errors import require
from netopsy.core.modes import check_model, evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.shapes import Images, Labels
from netopsy.core.targets import class_indices
from netopsy.training.attack import Attack, pgd


@checked
def fgsm(
    model: nn.Module,
    images: Images,
    target: int | Labels,
    radius: float = 8 / 255,
    *,
    bounds: tuple[float | int, float | int] = (0.0, 1.0),
) -> Images:
    """Images moved by ``radius`` at every pixel, in the direction that raises the cross-entropy of their class.

    Goodfellow et al. 2015 (arXiv 1412.6572), section 4: one step along the sign of the gradient, then back into
    ``bounds``. Pixels without a gradient stay. The radius that Liu et al. 2022 used is unconfirmed.

    Args:
        images: values within ``bounds``.
        target: the class of every image, or of all: what they are moved away from.
        radius: in the units of the images.
        bounds: the least and the largest value of a pixel; those of standardised images are 0 and 1, standardised.

    Raises:
        InputError: images outside the bounds, a radius that is not positive, a class that is none, or a network that
            does not take them.

    >>> images = torch.full((1, 1, 2, 2), 0.5)
    >>> moved = fgsm(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), images, 0, 0.1)
    >>> bool(torch.allclose((moved - images).abs(), torch.tensor(0.1)))
    True
    """
    check_model(model)
    check_batch(images, "images")
    low, high = bounds
    require(low < high and math.isfinite(high - low), f"bounds must be finite and rise, got {bounds}")
    require(0 < radius < math.inf, f"radius must be positive and finite, got {radius}")
    least, most = float(images.min()), float(images.max())
    within = low - 1e-6 * (high - low) <= least and most <= high + 1e-6 * (high - low)
    require(within, f"images must be within bounds {bounds}, got {least:.4g} to {most:.4g}")
    span = high - low
    attack = Attack(radius / span, radius / span, 1)
    with torch.inference_mode(False), running_on(images, model):
        with torch.no_grad(), evaluating(model):
            classes = single_output(model(images)).shape[-1]
        labels = class_indices(target, len(images), classes).to(images.device)
        return low + span * pgd(_Between(model, low, span), (images - low) / span, labels, attack)


class _Between(nn.Module):
    """The network as one of images from 0 to 1."""

    def __init__(self, model: nn.Module, low: float | int, span: float | int) -> None:
        super().__init__()
        self.model, self.low, self.span = model, low, span

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.model(self.low + self.span * images)
        return found
