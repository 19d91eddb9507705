"""Boxes ``(y0, x0, y1, x1)`` in pixels, the last row and column not included."""

from __future__ import annotations

from torch import Tensor


def overlap_of_boxes(ours: Tensor, theirs: Tensor) -> Tensor:
    """Intersection over union of boxes ``[..., 4]`` of shapes that broadcast; 0 where neither has area.

    >>> import torch
    >>> overlap_of_boxes(torch.tensor([[0, 0, 2, 2]]), torch.tensor([1, 1, 3, 3]))
    tensor([0.1429])
    """
    low, high = ours[..., :2].maximum(theirs[..., :2]), ours[..., 2:].minimum(theirs[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    both = _area(ours) + _area(theirs) - shared
    return (shared / both.where(both > 0, 1)).where(both > 0, 0.0)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)
