"""From a map to a box around what it shows, and whether that box is the object's: weakly supervised localisation."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.shapes import Maps, PixelMasks
from netopsy.interpretability.boxes import overlap_of_boxes
from netopsy.interpretability.maps import rescaled

Boxes = Int[Tensor, "batch 4"]
"""First row, first column, last row + 1, last column + 1; -1 throughout where there is no box."""

# Neighbours within an image, corners included, and none in the image before or behind.
_NEIGHBOURS = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])


@checked
def localise(maps: Maps, threshold: float = 0.15) -> Boxes:
    """The tight box around the largest connected part of each map above ``threshold`` of its range.

    Each map is brought to the range 0 to 1; positions of at least ``threshold`` that touch, be it at a corner, are one
    part. A constant map has no box: -1 throughout.

    Args:
        maps: ``[batch, height, width]``.
        threshold: above 0, at most 1. That of 0.15 is a habit of Grad-CAM's evaluation; Eigen-CAM's is unconfirmed.

    Raises:
        InputError: maps of another shape or not finite, a threshold out of its range.

    >>> localise(torch.tensor([[[0.0, 0.0, 0.0], [0.0, 9.0, 8.0]]]))
    tensor([[1, 1, 2, 3]])
    """
    _check_threshold("threshold", threshold)
    require(isinstance(maps, Tensor) and bool(maps.isfinite().all()), "maps must be finite, got NaN or infinity")
    return tight_boxes(largest_part(rescaled(maps) >= threshold))


def largest_part(masks: PixelMasks) -> PixelMasks:
    """Only the largest connected part of each mask, corners included; of equal ones the first, row by row.

    >>> largest_part(torch.tensor([[[True, False, True, True]]]))
    tensor([[[False, False,  True,  True]]])
    """
    _check_masks(masks)
    from scipy import ndimage

    labels, count = ndimage.label(masks.cpu().numpy(), structure=_NEIGHBOURS)
    image = np.nonzero(labels)[0]
    of_place = labels[labels > 0]
    sizes = np.bincount(of_place, minlength=count + 1)
    owner = np.zeros(count + 1, dtype=np.int64)
    owner[of_place] = image
    best = np.full(len(masks), -1)
    # From the smallest to the largest and, among equals, from the last to the first: what is written last stays.
    order = np.lexsort((-np.arange(1, count + 1), sizes[1:])) + 1
    best[owner[order]] = order
    return torch.from_numpy(labels == best[:, None, None]).to(masks.device)


def tight_boxes(masks: PixelMasks) -> Boxes:
    """The smallest box that holds all of each mask; -1 throughout for an empty one.

    >>> tight_boxes(torch.tensor([[[False, True, True]], [[False, False, False]]]))
    tensor([[ 0,  1,  1,  3],
            [-1, -1, -1, -1]])
    """
    _check_masks(masks)
    ends = []
    for axis in (2, 1):
        held = masks.any(axis).long()
        first = held.argmax(1)
        ends.append((first, held.shape[1] - held.flip(1).argmax(1)))
    (top, bottom), (left, right) = ends
    boxes = torch.stack([top, left, bottom, right], 1)
    return torch.where(masks.flatten(1).any(1)[:, None], boxes, -1)


def box_iou(ours: Boxes, theirs: Boxes) -> Float[Tensor, "batch"]:
    """Intersection over union, box by box; 0 where either is empty.

    >>> box_iou(torch.tensor([[0, 0, 2, 2]]), torch.tensor([[1, 1, 3, 3]]))
    tensor([0.1429])
    """
    for name, boxes in (("ours", ours), ("theirs", theirs)):
        require(
            isinstance(boxes, Tensor) and boxes.ndim == 2 and boxes.shape[1] == 4,
            f"{name} must be boxes [batch, 4], got {tuple(boxes.shape) if isinstance(boxes, Tensor) else boxes!r}",
        )
    require(len(ours) == len(theirs), f"ours and theirs must be as many boxes, got {len(ours)} and {len(theirs)}")
    return overlap_of_boxes(ours, theirs)


def localised(maps: Maps, boxes: Boxes, threshold: float = 0.15, *, iou: float = 0.5) -> Bool[Tensor, "batch"]:
    """Whether the box of each map (`localise`) overlaps the object's by at least ``iou``, intersection over union.

    >>> localised(torch.tensor([[[0.0, 9.0, 8.0]]]), torch.tensor([[0, 1, 1, 3]]))
    tensor([True])
    """
    _check_threshold("iou", iou)
    require(len(maps) == len(boxes), f"boxes must be as many as maps, {len(maps)}, got {len(boxes)}")
    return box_iou(localise(maps, threshold), boxes.to(maps.device)) >= iou


@checked
def localisation_error(maps: Maps, boxes: Boxes, threshold: float = 0.15, *, iou: float = 0.5) -> float:
    """The share of maps whose box is wrong; see `localised`.

    Raises:
        InputError: a box too many or too few, or a threshold that is not above 0 and at most 1.

    >>> localisation_error(torch.tensor([[[0.0, 9.0, 8.0]]]), torch.tensor([[0, 0, 1, 1]]))
    1.0
    """
    return 1 - float(localised(maps, boxes, threshold, iou=iou).double().mean())


def _check_threshold(name: str, value: object) -> None:
    require(isinstance(value, int | float) and 0 < value <= 1, f"{name} must be above 0 and at most 1, got {value!r}")


def _check_masks(masks: object) -> None:
    got = f"{tuple(masks.shape)} of {masks.dtype}" if isinstance(masks, Tensor) else type(masks).__name__
    require(
        isinstance(masks, Tensor) and masks.ndim == 3 and masks.numel() > 0 and masks.dtype == torch.bool,
        f"masks must be bool [batch, height, width] with at least one position, got {got}",
    )
