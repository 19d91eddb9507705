"""Class scores from whatever a classifier puts out: scores, probabilities, or one number for two classes."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn

from netopsy.core.errors import InputError, require
from netopsy.core.outputs import single_output

Kind = Literal["scores", "probabilities"]
_OFF = 1e-3
"""How far a row of probabilities may be from a sum of 1; half precision needs as much."""


def kind_of(outputs: Tensor) -> Kind:
    """Whether every row is of probabilities: none negative, and together 1.

    >>> kind_of(torch.tensor([[0.2, 0.8], [1.0, 0.0]])), kind_of(torch.tensor([[0.2, 0.9]]))
    ('probabilities', 'scores')
    """
    rows = outputs.float()
    summed = bool((rows.sum(1) - 1).abs().max() < _OFF)
    return "probabilities" if summed and float(rows.min()) >= 0 else "scores"


def scores_of(outputs: Tensor) -> Tensor:
    """Scores whose softmax is what the network says: logarithms of probabilities, other scores as they are."""
    outputs = outputs.float()
    if kind_of(outputs) == "scores":
        return outputs
    return outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log()


def as_two_classes(model: nn.Module, outputs: Tensor) -> nn.Module:
    """A network with a single output as one of two classes, which shares all that it has.

    A single output from 0 to 1 is the probability of class 1, any other its score against class 0.

    Args:
        outputs: of some samples, from which this is told.

    Raises:
        InputError: outputs that are neither ``[batch]`` nor ``[batch, 1]``.
    """
    require(
        outputs.ndim == 1 or (outputs.ndim == 2 and outputs.shape[1] == 1),
        f"the network must return class scores [batch, classes], but returns {tuple(outputs.shape)}",
    )
    if isinstance(model, torch.jit.ScriptModule):
        raise InputError("a compiled network must return scores of two classes or more: it returns one number a sample")
    certain = bool(((outputs >= 0) & (outputs <= 1)).all())

    def forward(self: nn.Module, *args: Any, **options: Any) -> Tensor:
        one = single_output(type(model).forward(self, *args, **options)).reshape(-1)
        if not certain:
            return torch.stack([torch.zeros_like(one), one], 1)
        least = torch.finfo(one.dtype).tiny
        return torch.stack([(1 - one).clamp_min(least).log(), one.clamp_min(least).log()], 1)

    binary = copy.copy(model)
    binary.__class__ = type(type(model).__name__, (type(model),), {"forward": forward})
    return binary
