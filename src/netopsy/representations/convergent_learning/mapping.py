"""One-to-few: a unit predicted from few units of the other network, solved exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.compiled import compiled
from netopsy.core.errors import InputError, require
from netopsy.core.progress import track
from netopsy.representations.convergent_learning.statistics import UnitStats

SWEEPS = 100_000
Array: TypeAlias = Any
"""Of numpy, inside the kernel."""


@dataclass(frozen=True)
class Mapping:
    """A linear map from the standardised units of one network to those of another."""

    weight: Float[Tensor, "units targets"]
    """Rows and columns of dead units are 0."""
    loss: Float[Tensor, "targets"]
    """Half mean squared error of each target: 0.5 is no prediction, 0 a perfect one; NaN for a dead target."""
    penalty: float

    @property
    def mean_loss(self) -> float:
        """Over the targets that are alive."""
        return float(self.loss.nanmean())

    @property
    def used(self) -> Int[Tensor, "targets"]:
        """Weights of each target that are not 0."""
        return (self.weight != 0).sum(0)


@checked
def sparse_mapping(
    stats: UnitStats,
    source: int,
    target: int,
    penalty: float | int,
    *,
    tolerance: float = 1e-8,
    start: Float[Tensor, "units targets"] | None = None,
) -> Mapping:
    """Predict every unit of one network from few of another: the LASSO of each target, from correlations alone.

    Li et al. 2016, section 4, on standardised units: ``min_w 1/2 mean (A w - b)^2 + penalty |w|_1``, which is their
    mapping layer with the penalty times the number of targets (their loss is a mean over units). Solved by coordinate
    descent, until no subgradient condition is violated by more than ``tolerance``; a penalty of
    0 is least squares, of the smallest norm where it is not unique.

    Args:
        source, target: numbers of networks in ``stats``.
        start: weights to begin with, such as those of a larger penalty.

    Raises:
        InputError: a negative penalty, an unknown network, or weights that did not settle.

    >>> from netopsy.representations.convergent_learning import statistics_of
    >>> x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    >>> found = sparse_mapping(statistics_of([x, x[:, :2] + x[:, 1:]]), 0, 1, 0.01)
    >>> found.used.tolist(), found.mean_loss < 0.001
    ([2, 2], True)
    """
    within, between = stats.correlation(source, source), stats.correlation(source, target)
    require(
        isinstance(penalty, int | float) and math.isfinite(penalty) and penalty >= 0,
        f"penalty must be a finite number of at least 0, got {penalty!r}",
    )
    alive = stats.alive(source)
    weight = torch.zeros_like(between) if start is None else start.to(between).clone()
    require(weight.shape == between.shape, f"start must have shape {list(between.shape)}, got {list(weight.shape)}")
    weight[~alive] = 0
    if penalty == 0:
        weight[alive] = torch.linalg.lstsq(within[alive][:, alive], between[alive], driver="gelsd").solution
    else:
        weight = _descended(within, between, weight, float(penalty), alive.nonzero()[:, 0].tolist(), tolerance)
    loss = half_squared_error(weight, within, between, torch.ones(between.shape[1], dtype=between.dtype))
    return Mapping(weight, torch.where(stats.alive(target), loss, torch.nan), float(penalty))


@checked
def mapping_path(stats: UnitStats, source: int, target: int, penalties: Sequence[float]) -> list[Mapping]:
    """`sparse_mapping` at several penalties, each started from the next larger one; in the order given.

    Raises:
        InputError: see `sparse_mapping`; or no penalty.

    >>> from netopsy.representations.convergent_learning import statistics_of
    >>> x = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    >>> path = mapping_path(statistics_of([x, x]), 0, 1, [0.1, 2.0])
    >>> [int(found.used.sum()) for found in path]
    [3, 0]
    """
    require(len(penalties) > 0, "penalties is empty; give at least one")
    found: dict[float, Mapping] = {}
    start = None
    for penalty in track(sorted(penalties, reverse=True), "mapping units"):
        found[penalty] = sparse_mapping(stats, source, target, penalty, start=start)
        start = found[penalty].weight
    return [found[penalty] for penalty in penalties]


@checked
def held_out_loss(
    mapping: Mapping, stats: UnitStats, held_out: UnitStats, source: int, target: int
) -> Float[Tensor, "targets"]:
    """Half mean squared error of each target on other images, in the units of those that the map was made on.

    Args:
        stats: what the map was made on.
        held_out: the same networks on other images.
    """
    within, between = (held_out.second_moments(stats, source, other) for other in (source, target))
    own = held_out.second_moments(stats, target, target).diagonal()
    loss = half_squared_error(mapping.weight, within, between, own)
    return torch.where(stats.alive(target), loss, torch.nan)


@checked
def half_squared_error(
    weight: Float[Tensor, "units targets"],
    within: Float[Tensor, "units units"],
    between: Float[Tensor, "units targets"],
    own: Float[Tensor, "targets"],
) -> Float[Tensor, "targets"]:
    """``1/2 mean (A w - b)^2`` from the mean products of A with A, of A with b, and of b with itself."""
    return 0.5 * (own - 2 * (weight * between).sum(0) + (weight * (within @ weight)).sum(0))


def _descended(
    within: Tensor, between: Tensor, weight: Tensor, penalty: float, units: list[int], tolerance: float
) -> Tensor:
    given = [each.double().cpu().contiguous().numpy() for each in (within, between.T, weight.T)]
    found = given[2].copy()
    settled = _descend(given[0], given[1], found, penalty, np.array(units), tolerance, SWEEPS)
    if not settled:
        raise InputError(
            f"the weights did not settle within {SWEEPS:,} sweeps at penalty {penalty:g}: units that are copies of "
            "each other leave them undetermined, and a larger penalty or tolerance decides"
        )
    return torch.from_numpy(found).to(between).T.contiguous()


@compiled
def _descend(
    within: Array, between: Array, weight: Array, penalty: float, units: Array, tolerance: float, sweeps: int
) -> bool:
    """Coordinate descent, a target at a time, in place; ``slope`` is the gradient of the squared error."""
    for target in range(len(weight)):
        own = weight[target]
        slope = within @ own - between[target]
        settled = False
        for _ in range(sweeps):
            for unit in units:
                size = within[unit, unit]
                aim = size * own[unit] - slope[unit]
                new = np.sign(aim) * max(abs(aim) - penalty, 0.0) / size
                if new != own[unit]:
                    slope += within[unit] * (new - own[unit])
                    own[unit] = new
            off = 0.0
            for unit in units:
                if own[unit] == 0:
                    off = max(off, abs(slope[unit]) - penalty)
                else:
                    off = max(off, abs(slope[unit] + penalty * np.sign(own[unit])))
            if off <= tolerance:
                settled = True
                break
        if not settled:
            return False
    return True
