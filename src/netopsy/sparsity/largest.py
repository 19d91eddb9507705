"""The largest of many values, in exact numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def largest(values: Tensor, count: int, ties: torch.Generator | None = None) -> Tensor:
    """A mask of exactly ``count`` of the flat ``values``: the largest.

    Of equal values the one that comes first goes first, as in `netopsy.sparsity.lottery_ticket.magnitude_masks`; or
    which of them stay is drawn from ``ties``.
    """
    if count <= 0 or count >= len(values):
        return torch.full_like(values, count > 0, dtype=torch.bool)
    threshold = _ascending(values, len(values) - count)
    kept = values >= threshold
    excess = int(kept.sum()) - count
    if excess:
        tied = (values == threshold).nonzero()[:, 0]
        order = slice(None) if ties is None else torch.randperm(len(tied), generator=ties)
        kept[tied[order][:excess]] = False
    return kept


def _ascending(values: Tensor, place: int) -> Tensor:
    """The entry at ``place``, counted from 0, in ascending order."""
    if values.is_cuda or values.dtype not in (torch.float32, torch.float64):
        return values.kthvalue(place + 1).values
    # numpy's selection is vectorised, and takes a fraction of the time of torch's on the CPU.
    return torch.from_numpy(np.partition(values.numpy(), place)[place : place + 1])[0]
