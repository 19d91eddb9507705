"""What is explained: one number a sample, taken from the network's output."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import TypeGuard

import torch
from torch import Tensor

from netopsy.core.errors import InputError
from netopsy.core.outputs import single_output

Target = int | Tensor | Callable[[Tensor], Tensor]
"""A class index, one class index a sample ``[batch]``, or a function from the output to one number a sample."""


def scores(outputs: Tensor, target: Target) -> Tensor:
    """The number that ``target`` picks out of ``outputs`` for each sample, shape ``[batch]``.

    Raises:
        InputError: a class out of range, a target of the wrong shape or type, an output without a class axis or that is
            no tensor.

    >>> scores(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1, 0])).tolist()
    [2.0, 3.0]
    """
    batch = len(single_output(outputs))
    if callable(target) and not isinstance(target, Tensor):
        picked = target(outputs)
        if not isinstance(picked, Tensor) or picked.shape != (batch,):
            got = tuple(picked.shape) if isinstance(picked, Tensor) else type(picked).__name__
            raise InputError(f"target must return one number a sample, shape ({batch},), but returned {got}")
        return picked
    if outputs.ndim != 2:
        raise InputError(
            f"target is a class index, which needs an output [batch, classes]; this network returns "
            f"{tuple(outputs.shape)}: give a function from that output to one number a sample"
        )
    indices = class_indices(target, batch, outputs.shape[1]).to(outputs.device)
    return outputs.gather(1, indices.clone()[:, None])[:, 0]  # a copy, for indices that inference mode made


def is_index(value: object) -> TypeGuard[int]:
    """Whether ``value`` is a whole number of python's or numpy's, and no truth value.

    >>> import numpy
    >>> is_index(3), is_index(numpy.int64(3)), is_index(True), is_index(3.0)
    (True, True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def class_indices(target: int | Tensor, batch: int, classes: int) -> Tensor:
    """``target`` as one checked class index a sample, ``int64 [batch]``."""
    if isinstance(target, Tensor) and target.ndim == 1 and len(target) == batch and not target.is_floating_point():
        indices = target.long()
    elif is_index(target):
        indices = torch.full((batch,), int(target))
    else:
        got = f"a tensor {tuple(target.shape)} of {target.dtype}" if isinstance(target, Tensor) else repr(target)
        raise InputError(f"target must be a class index, an int64 tensor [{batch}] or a function, got {got}")
    if batch and (indices.min() < 0 or indices.max() >= classes):
        wrong = indices[(indices < 0) | (indices >= classes)][0].item()
        raise InputError(f"target class {wrong} is out of range: this network has classes 0 to {classes - 1}")
    return indices
