"""The points of a region's grid: in batches, or boxes of them at a time that bounds prove without asking."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.robustness.checks import Bounds
from netopsy.robustness.safety_verification.bounds import Interval
from netopsy.robustness.safety_verification.forward_bounds import closest_bounds
from netopsy.robustness.safety_verification.question import Found, Question
from netopsy.robustness.safety_verification.region import Region
from netopsy.robustness.safety_verification.solvers import Limits, TimeUp

Mode = Literal["line", "convex"]
MOST = 200_000_000
"""Points that a grid may have where no time limit is given."""
LONGEST = 1_000_000
"""Steps up and down of one of its dimensions."""
LEAF, BOXES = 512, 128
"""Points of a box that are rather asked than split, and boxes that are bounded together."""


@checked
def grid_points(
    region: Region,
    center: Tensor,
    *,
    mode: Mode = "line",
    bounds: Bounds | None = (0, 1),
    batch_size: int = 8192,
) -> Iterator[Tensor]:
    """The points of a region's grid around ``center``, in batches ``[n, *shape]`` of its type, never all at once.

    Args:
        center: a sample, or a layer's activations.
        mode: "line" for every point of every ladder, "convex" for the corners only.
        bounds: values beyond them are brought back to them (the pixel stops at black and at white); ``None`` for none.

    Raises:
        InputError: an unknown mode, or dimensions that ``center`` lacks.

    >>> region = Region((0, 1), (0.1, 0.1), (1, 1))
    >>> [len(some) for some in grid_points(region, torch.full((1, 1, 2), 0.5), batch_size=5)]
    [5, 4]
    """
    require(mode in ("line", "convex"), f"mode must be 'line' or 'convex', got {mode!r}")
    require(batch_size >= 1, f"batch_size must be 1 or more, got {batch_size}")
    region.radius(tuple(center.shape))
    return _points(_Grid.of(region, center, bounds, mode), batch_size)


def _points(grid: _Grid, batch_size: int) -> Iterator[Tensor]:
    for start in range(0, grid.size, batch_size):
        yield grid.at(start, min(batch_size, grid.size - start))


@dataclass(frozen=True, eq=False)
class _Grid:
    """The ladder of each dimension as values, and the sample that the others keep."""

    centre: Tensor
    dims: Tensor
    ladders: list[Tensor]

    @classmethod
    def of(cls, region: Region, centre: Tensor, bounds: Bounds | None, mode: Mode) -> _Grid:
        require(
            mode == "convex" or max(region.count) <= LONGEST,
            f"count must be at most {LONGEST:,} in a grid that is gone through, got {max(region.count):,}",
        )
        flat, ladders = centre.flatten().double(), []
        for dim, span, count in zip(region.dims, region.span, region.count, strict=True):
            steps = torch.arange(-count, count + 1) if mode == "line" else torch.tensor([-count, count])
            ladder = flat[dim] + span * steps.double()
            ladders.append(ladder if bounds is None else ladder.clamp(*bounds))
        return cls(centre, torch.tensor(region.dims), [each.to(centre.dtype) for each in ladders])

    @property
    def lengths(self) -> list[int]:
        return [len(each) for each in self.ladders]

    @property
    def size(self) -> int:
        return int(np.prod(self.lengths, dtype=object))

    def at(self, start: int, count: int) -> Tensor:
        """So many points from the number ``start`` on."""
        return self.with_places(_places(self.lengths, start, count))

    def with_places(self, places: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Tensor:
        """Points by the place of each dimension in its ladder, ``[n, dims]``."""
        values = torch.stack([one[places[:, d]] for d, one in enumerate(self.ladders)], 1)
        found = self.centre.flatten().repeat(len(values), 1)
        found[:, self.dims] = values
        return found.reshape(-1, *self.centre.shape)


def _places(lengths: Sequence[int], start: int, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Numbers from ``start`` on as places, the last dimension running fastest; numbers may be of any size."""
    carried = np.arange(count)
    found = np.empty((count, len(lengths)), dtype=np.int64)
    for dim in reversed(range(len(lengths))):
        start, first = divmod(start, lengths[dim])
        carried, found[:, dim] = np.divmod(carried + first, lengths[dim])
    return found


@dataclass
class Searched:
    """How a search of the grid ended."""

    found: Found | None = None
    whole: bool = True
    proved: int = 0
    asked: int = 0


def search_grid(question: Question, mode: Mode, limits: Limits, batch_size: int) -> Searched:
    """Look at every point: bounds prove boxes of them, the network is asked about the rest."""
    grid = _Grid.of(question.region, question.centre, question.bounds, mode)
    done = Searched()
    try:
        if question.network is None or grid.size <= LEAF:
            _search_points(question, grid, limits, batch_size, done)
        else:
            _search_boxes(question, grid, limits, batch_size, done)
    except TimeUp:
        done.whole = False
    return done


def _search_points(question: Question, grid: _Grid, limits: Limits, batch_size: int, done: Searched) -> None:
    for points in _points(grid, batch_size):
        limits.require_time()
        done.found = question.broken(points, limits)
        done.asked += len(points)
        if done.found is not None:
            return


def _search_boxes(question: Question, grid: _Grid, limits: Limits, batch_size: int, done: Searched) -> None:
    """Boxes of grid points, first the whole: proved, split, or small enough to be asked point by point."""
    network = question.need_network()
    first = np.zeros((1, len(grid.dims)), dtype=np.int64)
    waiting = [(first, first + np.array(grid.lengths) - 1)]
    while waiting:
        limits.require_time()
        low, high = waiting.pop()
        if len(low) > BOXES:
            waiting.append((low[BOXES:], high[BOXES:]))
            low, high = low[:BOXES], high[:BOXES]
        ends = [grid.with_places(each).double() for each in (low, high)]
        box = Interval(torch.minimum(*ends), torch.maximum(*ends))
        lead, corner = question.leads(closest_bounds(network, box))
        sure = (lead > 0).all(1).numpy()
        sizes = np.prod(high - low + 1, axis=1, dtype=object)  # of any size
        done.proved += int(sizes[sure].sum())
        if not sure.all():
            worst = lead[~sure].argmin(1)
            tried = corner[~sure][torch.arange(len(worst)), worst].to(question.centre.dtype)
            done.found = question.broken(tried, limits)
            done.asked += len(tried)
            if done.found is not None:
                return
        ask = ~sure & (sizes <= LEAF).astype(bool)
        for points in _of_boxes(grid, low[ask], high[ask], batch_size):
            done.found = question.broken(points, limits)
            done.asked += len(points)
            if done.found is not None:
                return
            limits.require_time()
        split = ~sure & ~ask
        if split.any():
            waiting.append(_halves(grid, low[split], high[split]))


def _of_boxes(grid: _Grid, low: np.ndarray, high: np.ndarray, batch_size: int) -> Iterator[Tensor]:  # type: ignore[type-arg]
    held, count = [], 0
    for start, end in zip(low, high, strict=True):
        lengths = (end - start + 1).tolist()
        held.append(start + _places(lengths, 0, math.prod(lengths)))
        count += len(held[-1])
        if count >= batch_size:
            yield grid.with_places(np.concatenate(held))
            held, count = [], 0
    if held:
        yield grid.with_places(np.concatenate(held))


def _halves(grid: _Grid, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Each box in two, along the dimension in which it is widest."""
    wide = np.stack([(one[high[:, d]] - one[low[:, d]]).abs().numpy() for d, one in enumerate(grid.ladders)], 1)
    dim = np.where(high > low, wide, -1.0).argmax(1)
    rows = np.arange(len(low))
    middle = (low[rows, dim] + high[rows, dim]) // 2
    first, second = high.copy(), low.copy()
    first[rows, dim], second[rows, dim] = middle, middle + 1
    return np.concatenate([low, second]), np.concatenate([first, high])
