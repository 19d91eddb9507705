"""What networks and their layers return: one tensor, or a tuple whose first entry is the one that matters."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from netopsy.core.errors import InputError


def single_output(outputs: object) -> Tensor:
    """What a network returned, if that is one tensor.

    Raises:
        InputError: it is something else, such as the tuple or the mapping that larger libraries return.
    """
    if not isinstance(outputs, Tensor):
        raise InputError(
            f"the network must return one tensor, but returns {type(outputs).__name__}: "
            "wrap it in a module that returns the one to look at"
        )
    return outputs


def first_of(output: Any) -> Any:
    """A layer's output, or the first entry where it is a tuple or list."""
    return output[0] if isinstance(output, tuple | list) and output else output


def with_first(output: Any, first: Tensor) -> Any:
    """The output with ``first`` in that place, of the type it has.

    >>> import torch
    >>> with_first((torch.zeros(1), "state"), torch.ones(1))
    (tensor([1.]), 'state')
    """
    if not isinstance(output, tuple | list):
        return first
    entries = (first, *output[1:])
    make = getattr(type(output), "_make", type(output))  # named tuples take their entries one by one
    return make(entries)
