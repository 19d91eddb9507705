"""What the second player can do: set one pixel, all its channels together, a step towards a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.errors import require

Signs = Literal["farther", "both"]
State = frozenset[int]
"""The moves that were made; their order does not matter."""


@dataclass(frozen=True, eq=False)
class Moves:
    """All moves on one image, each known by its number."""

    pixels: tuple[int, ...]
    """Which pixel each sets, counted row by row."""
    values: Float[Tensor, "moves channels"]
    """What it sets the pixel to."""
    costs: tuple[float, ...]
    """What each adds to the distance; under norm 2, to its square; under norm 0, always 1."""
    regions: tuple[tuple[int, ...], ...]
    """The moves of each keypoint's region."""
    norm: int

    def severity(self, state: State) -> float:
        """Distance of the changed image from the image: changed pixels (norm 0), or the L1 or L2 distance."""
        if self.norm == 0:
            return float(len(state))
        total = math.fsum(map(self.costs.__getitem__, state))
        return math.sqrt(total) if self.norm == 2 else total

    def power(self, distance: float) -> float:
        """What the costs of moves may add up to for a distance, and a little more, for sums are rounded."""
        return (distance**2 if self.norm == 2 else distance) * (1 + 1e-9)

    def left(self, state: State) -> list[list[int]]:
        """The moves of each region on pixels that ``state`` has not changed."""
        used = {self.pixels[move] for move in state}
        return [[move for move in region if self.pixels[move] not in used] for region in self.regions]


def moves_on(
    image: Float[Tensor, "channels height width"],
    regions: Int[Tensor, "height width"],
    tau: float,
    signs: Signs,
    norm: int,
) -> Moves:
    """Every move on pixels that lie in a region, those with a negative number in none; one that changes nothing is
    none.

    A channel above 1/2 moves down by ``tau`` and any other up, cut off at the bounds 0 and 1; with both signs there is
    a second move a pixel, the other way.
    """
    flat = image.detach().flatten(1).mT.cpu()
    away = torch.where(flat > 0.5, -tau, tau).to(flat)
    steps = [away] if signs == "farther" else [away, -away]
    numbers = regions.flatten().tolist()
    pixels: list[int] = []
    values: list[Tensor] = []
    costs: list[float] = []
    own: list[list[int]] = [[] for _ in range(max(numbers, default=-1) + 1)]
    for step in steps:
        moved = (flat + step).clamp(0, 1)
        change = (moved - flat).abs().double()
        powers = {0: (change > 0).any(1).double(), 1: change.sum(1), 2: change.square().sum(1)}
        for pixel, cost in enumerate(powers[norm].tolist()):
            if cost > 0 and numbers[pixel] >= 0:
                own[numbers[pixel]].append(len(pixels))
                pixels.append(pixel)
                values.append(moved[pixel])
                costs.append(cost)
    require(len(pixels) > 0, "regions must hold a pixel that can be changed")
    return Moves(tuple(pixels), torch.stack(values), tuple(costs), tuple(tuple(each) for each in own if each), norm)
