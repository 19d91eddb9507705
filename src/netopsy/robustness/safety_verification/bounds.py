"""Sound bounds of a network over boxes of inputs: by intervals, and by linear relaxation from the back.

All in float64; what its rounding could do is added to the intervals, so no real number of the box is outside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.operations import Add, Affine, MaxPool, Relu, Reshape

EPSILON = 2.0**-52
SLACK = 1e-9
"""Relative to what a bound from the back is the sum of: far above what float64 loses on the way."""
ROWS = 256
"""Rows of coefficients carried back at once."""
NUMBERS = 40_000_000
"""Numbers that one step back may write at most."""


@dataclass(frozen=True, eq=False)
class Interval:
    """Least and greatest values, ``[batch, *shape]``."""

    low: Tensor
    high: Tensor


@dataclass(frozen=True, eq=False)
class LinearBound:
    """Lower bounds ``[batch, rows]``, and the corners ``[batch, rows, *shape]`` of the boxes where they are reached."""

    low: Tensor
    corner: Tensor


def interval_step(operation: object, *inputs: Interval) -> Interval:
    """The result's interval from those of its inputs."""
    first = inputs[0]
    if isinstance(operation, Affine):
        centre, radius = (first.low + first.high) / 2, (first.high - first.low) / 2
        lost = 4 * EPSILON * operation.terms
        middle = operation(centre)
        reach = operation.reach(radius * (1 + lost) + lost * centre.abs()) * (1 + lost) + lost * operation.size
        return Interval(middle - reach, middle + reach)
    if isinstance(operation, Add):
        other = inputs[1]
        low, high = first.low + other.low, first.high + other.high
        return Interval(low - EPSILON * low.abs(), high + EPSILON * high.abs())
    assert isinstance(operation, Relu | Reshape | MaxPool)  # these grow with their input
    return Interval(operation(first.low), operation(first.high))


def bounds_of(
    network: Operations, box: Interval, *, tight: int = 0, known: Sequence[Interval] | None = None
) -> list[Interval]:
    """Intervals of all results.

    Args:
        known: intervals that are already known of them.
        tight: results that a rectifier or a pooling reads, of at most so many numbers, are bounded from the back as
            well: dearer, and much tighter in deep networks.
    """
    found = [box]
    bent = {step.reads[0] for step in network.steps if isinstance(step.operation, Relu | MaxPool)}
    for number, step in enumerate(network.steps, 1):
        one = interval_step(step.operation, *(found[each] for each in step.reads))
        if known is not None:
            one = Interval(torch.maximum(one.low, known[number].low), torch.minimum(one.high, known[number].high))
        found.append(one)
        deep = any(isinstance(each.operation, Relu | MaxPool) for each in network.steps[:number])
        if number in bent and deep and one.low[0].numel() <= tight:
            found[number] = _tightened(network, found, number)
    return found


def _tightened(network: Operations, found: Sequence[Interval], number: int) -> Interval:
    """The interval of one result, with what bounds from the back say of the numbers whose sign is open."""
    one = found[number]
    low, high = one.low.flatten(1).clone(), one.high.flatten(1).clone()
    units = ((low < 0) & (high > 0)).any(0).nonzero()[:, 0]
    size = low.shape[1]
    for some in units.split(ROWS) if len(units) else ():
        rows = torch.zeros(len(some), size, dtype=torch.float64)
        rows[torch.arange(len(some)), some] = 1
        both = torch.cat([rows, -rows]).reshape(-1, *one.low.shape[1:])
        least = lower_bounds(network, found, both, number).low
        low[:, some] = torch.maximum(low[:, some], least[:, : len(some)])
        high[:, some] = torch.minimum(high[:, some], -least[:, len(some) :])
    return Interval(low.reshape(one.low.shape), high.reshape(one.high.shape))


def lower_bounds(network: Operations, found: Sequence[Interval], rows: Tensor, number: int) -> LinearBound:
    """Lower bounds of linear functions of one result, carried back to the input through linear relaxations.

    Args:
        found: intervals of all results up to that one.
        rows: coefficients ``[rows, *shape]`` of the result.
        number: which result.

    Source: Zhang et al. 2018 (CROWN), with the lower slope of a rectifier chosen as 0 or 1 by the smaller area.
    """
    batch = len(found[0].low)
    widest = max(torch.Size(shape).numel() for shape in network.shapes[: number + 1])
    most = max(1, NUMBERS // (widest * len(rows)))
    parts = [
        _carried_back(network, [Interval(one.low[some], one.high[some]) for one in found[: number + 1]], rows, number)
        for some in _slices(batch, most)
    ]
    return LinearBound(torch.cat([each.low for each in parts]), torch.cat([each.corner for each in parts]))


def _slices(count: int, most: int) -> Iterator[slice]:
    for start in range(0, count, most):
        yield slice(start, start + most)


def _carried_back(network: Operations, found: Sequence[Interval], rows: Tensor, number: int) -> LinearBound:
    batch = len(found[0].low)
    waiting = {number: rows.expand(batch, *rows.shape).clone()}
    total = torch.zeros(batch, len(rows), dtype=torch.float64)
    weight = torch.zeros_like(total)
    for place in range(number, 0, -1):
        if place not in waiting:
            continue
        own, step = waiting.pop(place), network.steps[place - 1]
        read = found[step.reads[0]]
        carried, constant, size = _through(step.operation, own, read, network.shapes[step.reads[0]])
        total, weight = total + constant, weight + size
        for source in step.reads:
            waiting[source] = waiting[source] + carried if source in waiting else carried
    box = found[0]
    left = waiting.get(0, torch.zeros(batch, len(rows), *network.shapes[0], dtype=torch.float64))
    low, high = box.low[:, None], box.high[:, None]
    corner = torch.where(left >= 0, low, high)
    weight = weight + (left.abs() * torch.maximum(low.abs(), high.abs())).flatten(2).sum(2)
    return LinearBound(total + (left * corner).flatten(2).sum(2) - SLACK * (1e-3 + weight), corner)


def _through(operation: object, own: Tensor, read: Interval, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Coefficients ``[batch, rows, *outputs]`` as those of the inputs, a constant, and how large its summands are."""
    none = torch.zeros(own.shape[:2], dtype=own.dtype)
    if isinstance(operation, Affine):
        back = operation.back(own.flatten(0, 1), shape).reshape(*own.shape[:2], *shape)
        constant = (own * operation.bias).flatten(2).sum(2)
        return back, constant, (own.abs() * operation.size).flatten(2).sum(2)
    if isinstance(operation, Relu):
        low, high = read.low[:, None], read.high[:, None]
        open_ = (low < 0) & (high > 0)
        slope = torch.where(open_, high / (high - low).clamp(min=1e-300), (low >= 0).double())
        shift = torch.where(open_, -low * slope, torch.zeros_like(low))
        under = torch.where(open_, (high >= -low).double(), slope)
        down = own.clamp(max=0)
        constant = (down * shift).flatten(2).sum(2)
        return own.clamp(min=0) * under + down * slope, constant, constant.abs()
    if isinstance(operation, MaxPool):
        return _through_pooling(operation, own, read)
    if isinstance(operation, Reshape):
        return own.reshape(*own.shape[:2], *shape), none, none
    assert isinstance(operation, Add)
    return own, none, none


def _through_pooling(operation: MaxPool, own: Tensor, read: Interval) -> tuple[Tensor, Tensor, Tensor]:
    """The input of the largest lower bound bounds a window from below; from above it is the window's, or a constant."""
    low, at = operation.largest(read.low)
    highest = operation(read.high)
    others = read.high.flatten(2).clone()
    # A window is decided where that input is the only one that reaches its lower bound; windows may overlap.
    members = operation.members(tuple(read.low.shape[1:])).to(own.device)
    chosen = (at.flatten(2) + torch.arange(at.shape[1])[None, :, None] * others.shape[2]).flatten(1)
    others = torch.cat([others.flatten(1), torch.full((len(others), 1), -torch.inf, dtype=others.dtype)], 1)
    beside = others[:, members]
    beside = beside.masked_fill(members[None] == chosen[..., None], -torch.inf).amax(-1)
    decided = (low.flatten(1) >= beside).reshape(low.shape)[:, None]
    up, down = own.clamp(min=0), own.clamp(max=0)
    carried = up + torch.where(decided, down, torch.zeros_like(down))
    back = torch.zeros(*own.shape[:2], read.low[0].numel(), dtype=own.dtype)
    back.scatter_add_(2, chosen[:, None].expand(-1, own.shape[1], -1), carried.flatten(2))
    constant = torch.where(decided, torch.zeros_like(down), down * highest[:, None]).flatten(2).sum(2)
    return back.reshape(*own.shape[:2], *read.low.shape[1:]), constant, constant.abs()
