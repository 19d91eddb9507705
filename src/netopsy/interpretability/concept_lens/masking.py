"""Scores of codes with concepts taken away: the part that perturbation scores and fidelity share."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.interpretability.concept_lens.checks import Codes, Score
from netopsy.interpretability.concept_lens.gradients import scored_rows


@torch.no_grad()
def masked_scores(
    function: Score, u: Codes, masks: Float[Tensor, "images masks concepts"], batch_size: int
) -> Float[Tensor, "batch masks"]:
    """F of every image's codes times every mask; a mask holds one factor a concept, shared by all its positions.

    Args:
        masks: one set for every image, or a first axis of 1: the same for all.
        batch_size: rows that ``function`` gets at once.
    """
    require(batch_size >= 1, f"batch_size must be at least 1, got {batch_size}")
    images, count = len(u), masks.shape[1]
    between = [1] * (u.ndim - 2)
    parts = []
    for rows in torch.arange(images * count, device=u.device).split(batch_size):
        image, number = rows // count, rows % count
        mask = masks[image if len(masks) > 1 else 0, number]
        parts.append(scored_rows(function, u[image] * mask.view(len(rows), *between, -1)))
    return torch.cat(parts).view(images, count)


def every_subset(concepts: int, like: Tensor) -> Float[Tensor, "subsets concepts"]:
    """All masks of 0 and 1."""
    numbers = torch.arange(2**concepts, device=like.device)
    return ((numbers[:, None] >> torch.arange(concepts, device=like.device)) & 1).to(like.dtype)
