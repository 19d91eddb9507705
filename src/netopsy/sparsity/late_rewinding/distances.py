"""How far apart two states of a network are in the weights that a mask keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import Masks, check_tensors

State = Mapping[str, Tensor]


@checked
def masked_l2(first: State, second: State, masks: Masks) -> float:
    """The Euclidean distance of two states over the weights that survive in ``masks``, in the weights' own units.

    Nothing else counts: neither pruned weights nor what has no mask, such as biases and the statistics of batch norms.
    Frankle et al. 2019, the distance of both stabilities.

    Args:
        first, second: parameter name to values, as of ``state_dict()``; further entries are left aside.
        masks: parameter name to kept weights.

    Raises:
        InputError: a masked parameter that a state lacks, shapes that differ, or masks of other values than 0 and 1.

    >>> start, end = {"w": torch.tensor([1.0, 2.0, 9.0])}, {"w": torch.tensor([4.0, 6.0, 0.0])}
    >>> masked_l2(start, end, {"w": torch.tensor([True, True, False])})
    5.0
    """
    return float(torch.linalg.vector_norm(survivors(first, masks, "first") - survivors(second, masks, "second")))


def masked_cosine(first: State, second: State, origin: State, masks: Masks) -> float:
    """The cosine between the ways from ``origin`` to two states, over surviving weights; NaN where one did not move.

    >>> here, there, origin = ({"w": torch.tensor(values)} for values in ([1.0, 0.0], [0.0, 2.0], [0.0, 0.0]))
    >>> masked_cosine(here, there, origin, {"w": torch.tensor([True, True])})
    0.0
    """
    start = survivors(origin, masks, "origin")
    one, other = survivors(first, masks, "first") - start, survivors(second, masks, "second") - start
    lengths = float(torch.linalg.vector_norm(one) * torch.linalg.vector_norm(other))
    return float(one @ other) / lengths if lengths > 0 else math.nan


def survivors(state: State, masks: Masks, argument: str) -> Tensor:
    """The weights of ``state`` that ``masks`` keep, end to end in double precision, on the CPU."""
    check_tensors(argument, state)
    check_tensors("masks", masks)
    require(masks, "masks is empty; give at least one parameter name and its mask")
    kept = []
    for name, mask in masks.items():
        if name not in state:
            raise UnknownNameError(f"masked parameter of {argument}", name, state)
        got, wanted = tuple(state[name].shape), tuple(mask.shape)
        require(got == wanted, f"{argument}[{name!r}] must have the shape of its mask, {wanted}, got {got}")
        binary = mask.dtype == torch.bool or bool(((mask == 0) | (mask == 1)).all())
        require(binary, f"masks[{name!r}] must hold only 0 and 1 (or be boolean)")
        kept.append(state[name].detach().to("cpu", torch.double)[mask.to("cpu", torch.bool)])
    return torch.cat(kept)
