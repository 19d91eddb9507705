"""Intervals of all results from linear bounds carried forward: dearer than intervals, tighter the deeper the network.

Every number is enclosed between two linear functions of the inputs. The cost is that of some forward passes an input,
whatever the size of the layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.robustness.safety_verification.bounds import NUMBERS, SLACK, Interval, bounds_of, interval_step
from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.operations import Add, Affine, MaxPool, Relu, Reshape


@dataclass(frozen=True, eq=False)
class _Line:
    """``weight @ e + bias``, with a coefficient ``[batch, inputs, *shape]`` for every input ``e`` from -1 to 1."""

    weight: Tensor
    bias: Tensor

    def reach(self) -> Tensor:
        return self.weight.abs().sum(1)

    def through(self, operation: Affine, weight: Tensor) -> _Line:
        flat = operation.apply(self.weight.flatten(0, 1), weight)
        return _Line(flat.reshape(*self.weight.shape[:2], *flat.shape[1:]), operation.apply(self.bias, weight))

    def plus(self, other: _Line) -> _Line:
        return _Line(self.weight + other.weight, self.bias + other.bias)

    def scaled(self, slope: Tensor, shift: Tensor) -> _Line:
        return _Line(self.weight * slope[:, None], self.bias * slope + shift)


def forward_bounds(network: Operations, box: Interval) -> list[Interval]:
    """Intervals of all results: the tighter of those by intervals and by linear bounds.

    Source: Xu et al. 2020 (LiRPA), the forward mode.
    """
    centre, radius = (box.low + box.high) / 2, (box.high - box.low) / 2
    size = centre[0].numel()
    free = (radius > 0).flatten(1).any(0).nonzero()[:, 0]
    weight = torch.zeros(len(centre), len(free), size, dtype=torch.float64)
    weight[:, torch.arange(len(free)), free] = radius.flatten(1)[:, free]
    start = _Line(weight.reshape(len(centre), len(free), *centre.shape[1:]), centre)
    lines, found = [(start, start)], [box]
    for step in network.steps:
        read = [lines[number] for number in step.reads]
        plain = interval_step(step.operation, *(found[number] for number in step.reads))
        low, high = _step(step.operation, read, found[step.reads[0]], plain)
        lost = SLACK * (1e-3 + high.bias.abs().maximum(low.bias.abs()) + high.reach().maximum(low.reach()))
        least = torch.maximum(plain.low, low.bias - low.reach() - lost)
        most = torch.minimum(plain.high, high.bias + high.reach() + lost)
        lines.append((low, high))
        found.append(Interval(least, most))
    return found


def closest_bounds(network: Operations, box: Interval, *, tight: int = 0) -> list[Interval]:
    """The tightest intervals within reach: linear bounds forward where they fit into memory, then `bounds_of`."""
    free = int((box.high > box.low).flatten(1).any(0).sum())
    widest = max(torch.Size(shape).numel() for shape in network.shapes)
    together = NUMBERS // max(1, free * widest * len(network.steps))
    if together == 0:
        return bounds_of(network, box, tight=tight)
    parts = [
        bounds_of(network, some, tight=tight, known=forward_bounds(network, some))
        for some in map(Interval, box.low.split(together), box.high.split(together))
    ]
    return [
        Interval(torch.cat([one.low for one in each]), torch.cat([one.high for one in each]))
        for each in zip(*parts, strict=True)
    ]


def _step(operation: object, read: list[tuple[_Line, _Line]], before: Interval, after: Interval) -> tuple[_Line, _Line]:
    low, high = read[0]
    if isinstance(operation, Affine):
        up, down = operation.weight.clamp(min=0), operation.weight.clamp(max=0)
        bias = _Line(torch.zeros((), dtype=torch.float64), operation.bias)
        return (
            low.through(operation, up).plus(high.through(operation, down)).plus(bias),
            high.through(operation, up).plus(low.through(operation, down)).plus(bias),
        )
    if isinstance(operation, Add):
        return low.plus(read[1][0]), high.plus(read[1][1])
    if isinstance(operation, Reshape):
        low, high = (_Line(one.weight.flatten(2), operation(one.bias)) for one in (low, high))
        shape = high.bias.shape[1:]
        return tuple(_Line(one.weight.reshape(*one.weight.shape[:2], *shape), one.bias) for one in (low, high))  # type: ignore[return-value]
    if isinstance(operation, Relu):
        open_ = (before.low < 0) & (before.high > 0)
        on = (before.low >= 0).double()
        slope = torch.where(open_, before.high / (before.high - before.low).clamp(min=1e-300), on)
        under = torch.where(open_, (before.high >= -before.low).double(), on)
        none = torch.zeros_like(slope)
        return low.scaled(under, none), high.scaled(slope, torch.where(open_, -before.low * slope, none))
    assert isinstance(operation, MaxPool)
    none = torch.zeros(*low.weight.shape[:2], *after.low.shape[1:], dtype=torch.float64)
    return _Line(none, after.low), _Line(none, after.high)
