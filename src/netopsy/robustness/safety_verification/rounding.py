"""How far the scores of a network that computes in floating point may be from those in real arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from netopsy.robustness.safety_verification.bounds import Interval
from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.operations import Add, Affine, MaxPool, Relu, Reshape

SINGLE = 2.0**-24
"""The unit roundoff of single precision."""
TINY = 1e-35
"""More than is lost where a product is too small for a number of single precision."""

ASSUMED = (
    "IEEE arithmetic with sums in any order; reduced formats (TF32) and transformed convolutions (Winograd) excluded"
)


def rounding_error(network: Operations, found: Sequence[Interval]) -> Tensor:
    """Bounds ``[batch, classes]`` of the rounding error of every score, for all inputs of the boxes.

    A sum of n products is off by at most ``n u / (1 - n u)`` times the sum of their sizes, whatever the order. Where
    it may overflow, by anything.

    Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1.
    """
    sizes = [torch.maximum(one.low.abs(), one.high.abs()) for one in found]
    errors = [torch.zeros_like(sizes[0])]
    unit = network.unit_roundoff
    most = torch.finfo(torch.float64 if unit < SINGLE else torch.float32).max / 4
    for step, size in zip(network.steps, sizes[1:], strict=True):
        operation, before = step.operation, [errors[number] for number in step.reads]
        if isinstance(operation, Affine):
            share = operation.terms * unit / max(1e-3, 1 - operation.terms * unit)
            met = sizes[step.reads[0]] + before[0]
            error = operation.reach(before[0]) + share * (operation.reach(met) + operation.size)
            error = error * (1 + 1e-6) + operation.terms * TINY
            error = torch.where(operation.reach(met) + operation.size > most, torch.inf, error)
        elif isinstance(operation, Add):
            error = (before[0] + before[1]) * (1 + unit) + unit * size
        elif isinstance(operation, Relu | MaxPool | Reshape):
            error = operation(before[0])
        errors.append(error)
    return errors[-1]
