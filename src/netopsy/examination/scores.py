"""A network that puts out one number for two classes."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.errors import InputError, require
from netopsy.core.outputs import single_output


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
