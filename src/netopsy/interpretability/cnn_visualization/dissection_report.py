"""What a dissection found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.targets import is_index
from netopsy.interpretability.dissection.bars import unit_bars
from netopsy.interpretability.dissection.enlarging import Enlarging

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class DissectionReport:
    """How well each unit of a layer matches each concept."""

    iou: Float[Tensor, "units concepts"]
    """Intersection over union, over all images in which the concept's category is annotated."""
    thresholds: Float[Tensor, "units"]
    """Above which a unit counts as active."""
    concepts: tuple[str, ...]
    """What the concepts are called."""
    categories: tuple[str, ...]
    """The category of each concept."""
    least: float
    """A unit whose best match is above this detects it."""
    layer: str
    """Empty where only maps were given."""
    enlarging: Enlarging
    """How maps were brought to the size of the images."""

    @property
    def labels(self) -> Int[Tensor, "units"]:
        """The concept that each unit matches best; of equal ones the first."""
        return self.iou.argmax(1)

    @property
    def best(self) -> Float[Tensor, "units"]:
        """How well it matches that concept."""
        return self.iou.amax(1)

    @property
    def detectors(self) -> Bool[Tensor, "units"]:
        """Which units detect a concept."""
        return self.best > self.least

    @property
    def unique(self) -> int:
        """How many different concepts have a detector: the layer's interpretability."""
        return len(self.labels[self.detectors].unique())

    def name_of(self, unit: int) -> str:
        """What a unit's best concept is called."""
        units = len(self.iou)
        require(is_index(unit) and 0 <= unit < units, f"unit must be from 0 to {units - 1}, got {unit!r}")
        return self.concepts[int(self.labels[unit])]

    def counts(self) -> dict[str, int]:
        """Concept to how many units detect it, most first; only those that have one."""
        found = torch.bincount(self.labels[self.detectors].cpu(), minlength=len(self.concepts))
        order = found.argsort(descending=True, stable=True)
        return {self.concepts[position]: int(found[position]) for position in order.tolist() if found[position] > 0}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Units that detect each concept, a bar a concept, coloured by category."""
        return unit_bars(self.counts(), len(self.iou), ax, dict(zip(self.concepts, self.categories, strict=True)))
