"""Where units are high compared with where things are: exact counts of pixels for all pairs of unit and concept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.shapes import Activations
from netopsy.interpretability.maps import bilinear

_EXACT = 2**24
"""Counts up to this number are exact in single precision."""


def upsampled(maps: Activations, size: tuple[int, int]) -> Float[Tensor, "batch units height width"]:
    """The units' maps at the size of a picture, bilinear; pixels are areas, so corners are not aligned.

    >>> upsampled(torch.tensor([[[[0.0, 1.0]]]]), (1, 4)).flatten().tolist()
    [0.0, 0.25, 0.75, 1.0]
    """
    require(maps.ndim == 4, f"maps must be [batch, units, rows, columns], got {tuple(maps.shape)}")
    return bilinear(maps, size)


@dataclass(frozen=True, eq=False)
class Overlap:
    """Counts of pixels, which add up over batches."""

    intersection: Int[Tensor, "units concepts"]
    """Pixels where the unit is high and the concept is there."""
    units: Int[Tensor, "units concepts"]
    """Pixels where the unit is high, in the images that count for the concept."""
    concepts: Int[Tensor, "concepts"]
    """Pixels where the concept is, in the images that count for it."""

    def __add__(self, other: Overlap) -> Overlap:
        """The counts of both together."""
        return Overlap(self.intersection + other.intersection, self.units + other.units, self.concepts + other.concepts)

    def iou(self) -> Float[Tensor, "units concepts"]:
        """Intersection over union of all pixels together, 0 where there are none."""
        union = self.units + self.concepts - self.intersection
        return self.intersection.double() / union.clamp(min=1)


def overlap(
    above: Bool[Tensor, "n units height width"],
    masks: Bool[Tensor, "n concepts height width"],
    counted: Bool[Tensor, "n concepts"] | None = None,
) -> Overlap:
    """How many pixels each unit and each concept share, by matrix products.

    Args:
        above: where each unit is above its threshold.
        masks: where each concept is; a pixel may belong to several.
        counted: which images count for which concept (those in which its category is labelled); all, if not given.

    Raises:
        InputError: the shapes do not fit.

    >>> high = torch.tensor([[[[True, True, False]]]])
    >>> there = torch.tensor([[[[False, True, True]], [[False, False, True]]]])
    >>> overlap(high, there).iou()
    tensor([[0.3333, 0.0000]], dtype=torch.float64)
    """
    require(
        above.ndim == masks.ndim == 4 and len(above) == len(masks) and above.shape[2:] == masks.shape[2:],
        f"masks must be [{len(above)}, concepts, {', '.join(map(str, above.shape[2:]))}] like the units' maps, "
        f"got {tuple(masks.shape)}",
    )
    if counted is not None:
        require(
            counted.shape == masks.shape[:2],
            f"counted must be {tuple(masks.shape[:2])}, one for each image and concept, got {tuple(counted.shape)}",
        )
        masks = masks & counted[:, :, None, None]
    pixels = above.shape[2] * above.shape[3]
    units, concepts = above.shape[1], masks.shape[1]
    both = torch.zeros(units, concepts, dtype=torch.long, device=above.device)
    step = max(1, _EXACT // pixels)
    for some, those in zip(above.split(step), masks.split(step), strict=True):
        high = some.transpose(0, 1).flatten(1).float()
        there = those.transpose(0, 1).flatten(1).float()
        both += (high @ there.T).long()
    areas = above.flatten(2).sum(2)
    own = areas.sum(0)[:, None].expand(units, concepts)
    if counted is not None:
        own = (areas.double().T @ counted.double()).long()
    return Overlap(both, own, masks.sum((0, 2, 3)))
