"""Inversion with several strengths of the penalties at once, of which the best counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.shapes import Images
from netopsy.interpretability.cnn_visualization.inversion import balanced_weights, invert_representation


def image_error(found: Images, images: Images) -> Tensor:
    """``|found - image| / |image|`` of each image.

    >>> image_error(2 * torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor([1.])
    """
    return (found - images).flatten(1).norm(dim=1) / images.flatten(1).norm(dim=1)


def invert_at_best_strength(
    model: nn.Module, layer: str, images: Images, strengths: Sequence[float], *, steps: int, lr: float, seed: int
) -> tuple[Images, Tensor, Tensor]:
    """Every image with its best strength, the feature errors ``[strengths, images]``, and those strengths."""
    shape = (len(strengths), len(images))
    weights = [balanced_weights(each, (images.shape[2], images.shape[3])) for each in strengths]
    spread: Any = {
        name: torch.tensor([each[name] for each in weights]).repeat_interleave(len(images)).to(images)
        for name in ("lambda_alpha", "lambda_tv")
    }
    tries = images.repeat(len(weights), 1, 1, 1)
    found = invert_representation(model, layer, tries, **spread, steps=steps, lr=lr, seed=seed)
    errors = found.feature_error.view(shape)
    best = errors.argmin(0)
    made = found.images.unflatten(0, shape)[best, torch.arange(len(images), device=best.device)]
    return made, errors, torch.tensor(strengths)[best.cpu()]
