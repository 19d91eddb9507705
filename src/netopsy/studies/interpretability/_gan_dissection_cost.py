"""What a dissection costs, once the activations are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch

from netopsy.data.scenes import scenes
from netopsy.interpretability.gan_dissection import Observed, dissect_observed
from netopsy.lab.costs import milliseconds

_IMAGES, _GRID, _UNITS, _SIDE = 20, 8, 64, 64


def cost(sides: Sequence[int], units: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Milliseconds to dissect 20 images, the fastest of three: by the images' side, and by the number of units."""
    for side in sides:
        yield {"measure": "cost", "grows": "side", "size": side, "value": _milliseconds(side, _UNITS)}
    for count in units:
        yield {"measure": "cost", "grows": "units", "size": count, "value": _milliseconds(_SIDE, count)}


def _milliseconds(side: int, units: int) -> float:
    maps = torch.randn(2 * _IMAGES, units, _GRID, _GRID, generator=torch.Generator().manual_seed(0)).relu()
    seen = Observed(maps, scenes(2 * _IMAGES, side=side).masks)
    halves = seen.part(slice(_IMAGES)), seen.part(slice(_IMAGES, None))
    return milliseconds(partial(dissect_observed, *halves), rounds=3)
