"""From maps of patterns to boxes in the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from netopsy.core.shapes import Images
from netopsy.interpretability.boxes import overlap_of_boxes
from netopsy.interpretability.receptive_field import ReceptiveField

Proposals = Float[Tensor, "boxes 5"]

_CANDIDATES = 8
"""Peaks that are looked at for each box wanted: enough that dropping overlaps does not run out of them."""


def propose(
    maps_of: Callable[[Images], Tensor],
    field: ReceptiveField,
    boxes: Float[Tensor, "maps 4"],
    images: Images,
    top: int,
    scales: Sequence[float],
    overlap: float,
) -> list[Proposals]:
    """For each image the boxes around the highest peaks of its maps; see `PatternMiner.propose`.

    Args:
        maps_of: from images to ``[batch, maps, rows, columns]``.
        field: of the maps' cells.
        boxes: around the middle of a cell's field, one for each map.
    """
    height, width = images.shape[2:]
    found, scores = [], []
    for scale in scales:
        shown = images if scale == 1 else _at_scale(images, scale)
        maps = maps_of(shown)
        value, position = _peaks(maps, _CANDIDATES * top)
        cells = maps.shape[2] * maps.shape[3]
        which, cell = position // cells, position % cells
        middle = field.centre(cell // maps.shape[3], cell % maps.shape[3])
        own = boxes[which] + middle.repeat(1, 1, 2)
        stretch = torch.tensor([height / shown.shape[2], width / shown.shape[3]]).repeat(2)
        found.append(own * stretch)
        scores.append(value)
    limit = torch.tensor([height, width, height, width], dtype=torch.float32)
    candidates = torch.cat(found, 1).clamp(min=torch.zeros(4), max=limit)
    return suppressed(candidates, torch.cat(scores, 1), top, overlap)


def suppressed(
    boxes: Float[Tensor, "n candidates 4"], scores: Float[Tensor, "n candidates"], top: int, overlap: float
) -> list[Proposals]:
    """The strongest ``top`` boxes of each image of which no two overlap by more than ``overlap``, for all at once.

    Boxes with a score of 0 or less, or without area, are left out.

    >>> boxes = torch.tensor([[[0.0, 0, 4, 4], [0, 0, 4, 3], [5, 5, 8, 8]]])
    >>> suppressed(boxes, torch.tensor([[2.0, 1.0, 0.5]]), 5, 0.5)[0][:, 4].tolist()
    [2.0, 0.5]
    """
    left = torch.where(((boxes[..., 2:] - boxes[..., :2]) > 0).all(2) & (scores > 0), scores, -torch.inf)
    rows = torch.arange(len(boxes))
    kept = []
    for _ in range(min(top, boxes.shape[1])):
        value, best = left.max(1)
        chosen = boxes[rows, best]
        kept.append(torch.cat([chosen, value[:, None]], 1))
        drop = overlap_of_boxes(boxes, chosen[:, None]) > overlap
        drop[rows, best] = True
        left = left.masked_fill(drop, -torch.inf)
    together = torch.stack(kept, 1)
    return [one[one[:, 4] > -torch.inf] for one in together]


def _peaks(maps: Float[Tensor, "n maps rows columns"], most: int) -> tuple[Tensor, Tensor]:
    """The highest local maxima of each image's maps and their positions among all its cells; 0 fills up."""
    highest = functional.max_pool2d(maps, 3, stride=1, padding=1)
    peaks = torch.where(maps == highest, maps, torch.zeros_like(maps)).flatten(1)
    value, position = peaks.topk(min(most, peaks.shape[1]), dim=1)
    return value, position


def _at_scale(images: Tensor, scale: float) -> Tensor:
    size = [max(1, round(scale * side)) for side in images.shape[2:]]
    return functional.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
