"""A network over one box as linear equations, rectifiers and maxima: what both complete solvers are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from netopsy.robustness.safety_verification.bounds import Interval
from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.operations import Add, Affine, MaxPool, Relu, Reshape

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]
LARGEST = 20_000_000
"""Coefficients that a program may have."""


class TooLarge(Exception):  # noqa: N818 - no error: a question that is left open
    """A program would take more memory than it may."""


@dataclass(frozen=True, eq=False)
class Values:
    """A layer's results, each a variable or, where its index is -1, a constant."""

    index: Indices
    constant: Numbers

    def reshaped(self, *shape: int) -> Values:
        """In another shape."""
        return Values(self.index.reshape(shape), self.constant.reshape(shape))

    def ravel(self) -> Values:
        """In one row."""
        return self.reshaped(-1)


@dataclass(eq=False)
class Program:
    """Variables with bounds; equations ``matrix @ variables = right``; rectifiers and maxima between variables."""

    low: Numbers
    high: Numbers
    matrix: sparse.csr_array
    right: Numbers
    relus: list[tuple[int, int]]
    """A variable, and that of its positive part; both signs are possible."""
    maxima: list[tuple[int, list[tuple[int, float]]]]
    """A variable, and those that it is the largest of; a constant has index -1."""
    inputs: Values
    outputs: Values

    def lead(self, rival: int, over: int) -> tuple[dict[int, float], float]:
        """Score ``over`` minus score ``rival``: coefficients and a constant."""
        weights: dict[int, float] = {}
        constant = 0.0
        for place, sign in ((over, 1.0), (rival, -1.0)):
            index = int(self.outputs.index[place])
            if index < 0:
                constant += sign * float(self.outputs.constant[place])
            else:
                weights[index] = weights.get(index, 0.0) + sign
        return weights, constant

    def input_of(self, solution: Numbers) -> Tensor:
        """The input that a solution stands for, flattened."""
        index = self.inputs.index.ravel()
        values = np.where(index >= 0, solution[np.maximum(index, 0)], self.inputs.constant.ravel())
        return torch.from_numpy(values)


@dataclass(eq=False)
class _Builder:
    low: list[Numbers] = field(default_factory=list)
    high: list[Numbers] = field(default_factory=list)
    count: int = 0
    blocks: list[tuple[Any, Any, Any]] = field(default_factory=list)
    """Rows, columns and values of coefficients."""
    right: list[Numbers] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    relus: list[tuple[int, int]] = field(default_factory=list)
    maxima: list[tuple[int, list[tuple[int, float]]]] = field(default_factory=list)

    def variables(self, low: Numbers, high: Numbers) -> Indices:
        found = np.arange(self.count, self.count + len(low), dtype=np.int64)
        self.low.append(low)
        self.high.append(high)
        self.count += len(low)
        return found

    def grow(self, by: int) -> None:
        self.size += by
        if self.size > LARGEST:
            raise TooLarge(f"its program would have more than {LARGEST:,} coefficients")

    def equations(self, rows: Indices, columns: Indices, values: Numbers, right: Numbers) -> None:
        self.blocks.append((rows + self.rows, columns, values))
        self.right.append(right)
        self.rows += len(right)


def build(network: Operations, found: list[Interval]) -> Program:
    """The program of a network over the box ``found[0]``, with its intervals (a batch of one).

    Raises:
        TooLarge: more coefficients than a program may have.
    """
    made = _Builder()
    low, high = _flat(found[0])
    free = high > low
    index = np.full(len(low), -1, dtype=np.int64)
    index[free] = made.variables(low[free], high[free])
    results = [Values(index, low).reshaped(*network.shapes[0])]
    for number, step in enumerate(network.steps, 1):
        read = [results[each] for each in step.reads]
        one, shape = found[number], network.shapes[number]
        operation = step.operation
        if isinstance(operation, Affine):
            result = _affine(made, operation, read[0], one)
        elif isinstance(operation, Relu):
            result = _relu(made, read[0].ravel(), found[step.reads[0]])
        elif isinstance(operation, Add):
            result = _sum(made, read[0].ravel(), read[1].ravel(), one)
        elif isinstance(operation, MaxPool):
            result = _maximum(made, operation, read[0], found[step.reads[0]], network.shapes[step.reads[0]])
        else:
            assert isinstance(operation, Reshape)
            result = read[0]
        results.append(result.reshaped(*shape))
    made.equations(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
    blocks = [np.concatenate([block[part] for block in made.blocks]) for part in range(3)]
    matrix = sparse.csr_array((blocks[2], (blocks[0], blocks[1])), shape=(made.rows, made.count))
    joined = [np.concatenate(each) if each else np.zeros(0) for each in (made.low, made.high, made.right)]
    return Program(joined[0], joined[1], matrix, joined[2], made.relus, made.maxima, results[0], results[-1])


def _flat(one: Interval) -> tuple[Numbers, Numbers]:
    return one.low[0].flatten().numpy(), one.high[0].flatten().numpy()


def _affine(made: _Builder, operation: Affine, read: Values, one: Interval) -> Values:
    index, shape = read.index.ravel(), read.index.shape
    variable = np.flatnonzero(index >= 0)
    fixed = np.where(index >= 0, 0.0, read.constant.ravel())
    constant = operation(torch.from_numpy(fixed).reshape(1, *shape))[0].flatten().numpy()
    rows, columns, values = [], [], []
    for some in np.array_split(variable, max(1, len(variable) * len(constant) // 2_000_000 + 1)):
        basis = torch.zeros(len(some), len(index), dtype=torch.float64)
        basis[torch.arange(len(some)), torch.from_numpy(some)] = 1
        block = operation.linear(basis.reshape(-1, *shape)).flatten(1).numpy() if len(some) else np.zeros((0, 0))
        place, output = np.nonzero(block)
        made.grow(len(place))
        rows.append(output)
        columns.append(index[some[place]])
        values.append(block[place, output])
    row, column, value = (np.concatenate(each) for each in (rows, columns, values))
    moved = np.unique(row)
    low, high = _flat(one)
    found = np.full(len(constant), -1, dtype=np.int64)
    found[moved] = made.variables(low[moved], high[moved])
    number = np.zeros(len(constant), dtype=np.int64)
    number[moved] = np.arange(len(moved))
    own = np.arange(len(moved))
    made.equations(
        np.concatenate([number[row], own]),
        np.concatenate([column, found[moved]]),
        np.concatenate([value, -np.ones(len(moved))]),
        -constant[moved],
    )
    return Values(found, constant)


def _relu(made: _Builder, read: Values, before: Interval) -> Values:
    low, high = _flat(before)
    variable = read.index >= 0
    index = np.where(variable & (low >= 0), read.index, -1)
    constant = np.where(variable, 0.0, np.maximum(read.constant, 0.0))
    bent = np.flatnonzero(variable & (low < 0) & (high > 0))
    index[bent] = made.variables(np.zeros(len(bent)), high[bent])
    made.relus += list(zip(read.index[bent].tolist(), index[bent].tolist(), strict=True))
    return Values(index, constant)


def _sum(made: _Builder, first: Values, second: Values, one: Interval) -> Values:
    constant = np.where(first.index >= 0, 0.0, first.constant) + np.where(second.index >= 0, 0.0, second.constant)
    moved = np.flatnonzero((first.index >= 0) | (second.index >= 0))
    low, high = _flat(one)
    found = np.full(len(constant), -1, dtype=np.int64)
    found[moved] = made.variables(low[moved], high[moved])
    own = np.arange(len(moved))
    rows, columns, values = [own], [found[moved]], [-np.ones(len(moved))]
    for part in (first, second):
        there = part.index[moved] >= 0
        rows.append(own[there])
        columns.append(part.index[moved][there])
        values.append(np.ones(int(there.sum())))
    made.grow(3 * len(moved))
    made.equations(np.concatenate(rows), np.concatenate(columns), np.concatenate(values), -constant[moved])
    return Values(found, constant)


def _maximum(made: _Builder, operation: MaxPool, read: Values, before: Interval, shape: tuple[int, ...]) -> Values:
    low, high = _flat(before)
    flat = read.ravel()
    members = operation.members(shape).numpy()
    index, constant = np.full(len(members), -1, dtype=np.int64), np.zeros(len(members))
    for output, window in enumerate(members):
        inside = window[window >= 0]
        least = low[inside].max()
        able = [int(each) for each in inside if high[each] >= least]
        if len(able) == 1 or all(flat.index[each] < 0 for each in able):
            best = max(able, key=lambda each: high[each])
            index[output], constant[output] = flat.index[best], flat.constant[best]
            continue
        (index[output],) = made.variables(np.array([least]), np.array([high[able].max()]))
        made.grow(3 * len(able))
        made.maxima.append((int(index[output]), [(int(flat.index[one]), float(flat.constant[one])) for one in able]))
    return Values(index, constant)
