"""The cost that a search can lower by gradient: expected over the probabilities of all sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.sparsity.transformable_architecture_search.space import ShapeSpace


@checked
def expected_flops(space: ShapeSpace, widths: Mapping[str, Tensor], depths: Mapping[str, Tensor]) -> Tensor:
    """Multiply-accumulate operations, expected over the sizes of layers and stages.

    Layers count with their expected widths, in and out, blocks with the probability that they are kept; a stage reads
    the expected width of the last kept block in front of it. The 1x1 convolution that a shortcut needs where widths
    differ counts with the probability that they do. With all probabilities 0 or 1 this is `ShapeSpace.flops`. Equation
    7 of Dong and Yang 2019; their code takes the last block of a stage for the last kept one, and falls short by 1 to
    2%.

    Args:
        widths: layer to the probabilities of its candidates, as in ``space.candidates``.
        depths: stage to the probabilities of its depths, as in ``space.depths``.

    Returns:
        a scalar, differentiable in the probabilities.

    Raises:
        InputError: a missing layer or stage, or probabilities of another number.

    >>> space = ShapeSpace.mlp((4, 10, 2), fractions=(0.5, 1.0))
    >>> expected_flops(space, {"hidden1": torch.tensor([0.5, 0.5])}, {})
    tensor(45.)
    """
    for what, given, known in (("widths", widths, space.candidates), ("depths", depths, space.depths)):
        for name in given:
            if name not in known:
                raise UnknownNameError(f"name in {what}", name, known)
        for name, sizes in known.items():
            require(name in given, f"{what} must have an entry for {name!r}")
            shape = tuple(given[name].shape)
            require(shape == (len(sizes),), f"{what}[{name!r}] must have shape ({len(sizes)},), got {shape}")
    dense = {
        name: given.new_zeros(max(space.candidates[name]) + 1).index_add(0, _sizes(space.candidates[name]), given)
        for name, given in widths.items()
    }
    return _expected(space, dense, depths)


def _expected(space: ShapeSpace, dense: Mapping[str, Tensor], depths: Mapping[str, Tensor]) -> Tensor:
    """``dense``: layer to the probability of every width from 0 on."""
    mean = {name: given @ torch.arange(len(given)).to(given) for name, given in dense.items()}
    first = next(iter(dense.values()))
    total, before, width = first.new_zeros(()), None, first.new_tensor(float(space.input_shape[0]))
    for stage in space.stages:
        chances = depths.get(stage.name)
        for number, block in enumerate(stage.blocks, start=1):
            cost, inputs, own = first.new_zeros(()), width, dense[block.last.name]
            for layer in block.layers:
                cost = cost + layer.macs(1.0, 1.0) * width * mean[layer.name]
                width = mean[layer.name]
            if block.shortcut is not None:
                differ = 1.0 if block.projects or before is None else 1 - _equal(before, own)
                cost = cost + differ * block.shortcut.macs(1.0, 1.0) * inputs * width
            if chances is not None:
                cost = cost * sum(chances[at] for at, depth in enumerate(stage.depths) if depth >= number)
            total, before = total + cost, own
        if chances is not None:
            ends = [stage.blocks[depth - 1].last.name for depth in stage.depths]
            before = _mixture([dense[end] for end in ends], chances)
            width = before @ torch.arange(len(before)).to(before)
    return total + space.head.macs(1.0, space.head.width) * width


@checked
def cost_loss(expected: Tensor, actual: float | int, target: float | int, tol: float = 0.05) -> Tensor:
    """What steers a search to its budget: log E where the most probable sizes cost more than the target allows, -log E
    where they cost less, 0 within the tolerance. Equation 6 of Dong and Yang 2019.

    Args:
        expected: E, as `expected_flops` returns it.
        actual: what the most probable sizes cost.
        target: what they should.
        tol: the share of the target by which they may differ.

    Raises:
        InputError: costs that are not positive, a negative tolerance.

    >>> [round(float(cost_loss(torch.tensor(100.0), cost, 50)), 3) for cost in (60, 50, 40)]
    [4.605, 0.0, -4.605]
    """
    for name, value in (("expected", float(expected.detach())), ("actual", actual), ("target", target)):
        require(0 < value < math.inf, f"{name} must be positive and finite, got {value}")
    require(tol >= 0, f"tol must not be negative, got {tol}")
    if actual > (1 + tol) * target:
        return expected.log()
    return -expected.log() if actual < (1 - tol) * target else 0 * expected


def _equal(one: Tensor, other: Tensor) -> Tensor:
    """The probability that two widths are the same."""
    shared = min(len(one), len(other))
    return one[:shared] @ other[:shared]


def _mixture(parts: list[Tensor], weights: Tensor) -> Tensor:
    longest = max(map(len, parts))
    padded = [torch.nn.functional.pad(part, (0, longest - len(part))) for part in parts]
    return weights @ torch.stack(padded)


@lru_cache(maxsize=1024)
def _sizes(candidates: tuple[int, ...]) -> Tensor:
    return torch.tensor(candidates)
