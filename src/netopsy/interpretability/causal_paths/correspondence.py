"""Whether an input of a layer is the output of the same number of the layer before it: seen by moving that output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from netopsy.core.capture import capturing
from netopsy.core.errors import InputError
from netopsy.core.modes import evaluating, running_on
from netopsy.core.split import editing, input_of

_NOISE = 1e-4
"""Changes below this share of the largest are rounding."""
_AS_MUCH = 0.7
"""The node itself must move by this share of what moves most; a normalisation over two moves both about alike."""
_AT_ONCE = 64


def check_correspondence(model: nn.Module, names: Sequence[str], nodes: Sequence[int], images: Tensor) -> None:
    """Raise `InputError` unless each layer's input node c is output c of the layer before it, for all c.

    Sets of channels are moved first, two for every binary digit of their numbers. Where none but the nodes of a set
    follow, as between layers that treat every channel by itself, that is all; otherwise (a normalisation over channels,
    or channels that change places) channels are moved one by one, and of all nodes the channel's own must move most.

    Args:
        names: layers in the order in which they run.
        nodes: how many input nodes each has.
        images: the first one is run.
    """
    image = images[:1]
    with torch.no_grad(), evaluating(model), capturing(model, names) as seen, running_on(image, model):
        model(image)
    for before, after, count in zip(names, names[1:], nodes[1:], strict=False):
        start = seen[before]
        if start.ndim in (2, 4) and start.shape[1] == count:
            _check_pair(_Moves(model, before, after, image, start))


def _check_pair(moves: _Moves) -> None:
    count = moves.start.shape[1]
    numbers = torch.arange(count, device=moves.start.device)
    digits = torch.stack([numbers >> digit & 1 for digit in range(max(1, (count - 1).bit_length()))]).bool()
    sets = torch.cat([digits, ~digits])
    followed = moves.of(sets)
    if not followed[~sets].any():
        return
    for some in numbers.split(_AT_ONCE):
        followed = moves.of(some[:, None] == numbers)
        most, where = followed.max(1)
        own = followed.gather(1, some[:, None])[:, 0]
        wrong = own < _AS_MUCH * most
        if wrong.any():
            channel, node = int(some[wrong][0]), int(where[wrong][0])
            raise InputError(
                f"output {channel} of layer {moves.before!r} is not input {channel} of {moves.after!r}: what moves "
                f"most with it is input {node}, so between the two channels change places or are mixed; give layers= "
                "of which each is fed by the one before, channel by channel"
            )


@dataclass(frozen=True, eq=False)
class _Moves:
    """What a layer is given when channels of the layer before it are moved."""

    model: nn.Module
    before: str
    after: str
    image: Tensor
    start: Tensor
    """What the layer before puts out."""

    def of(self, sets: Bool[Tensor, "sets nodes"]) -> Float[Tensor, "sets nodes"]:
        """How far each node moves at most when a set of channels is moved up, and when it is moved down."""
        step = self.start.abs().amax().clamp_min(1)
        by = step * sets.reshape(*sets.shape, *[1] * (self.start.ndim - 2)).to(self.start)
        given = self._given(torch.cat([self.start, self.start + by, self.start - by]))
        if len(given) == 1:  # nothing of the layer before arrives
            return torch.zeros_like(sets, dtype=given.dtype)
        moved = (given[1:] - given[:1]).abs().reshape(2, *sets.shape, -1).amax((0, 3))
        return moved.where(moved > _NOISE * moved.amax(), 0)

    def _given(self, values: Tensor) -> Tensor:
        with torch.no_grad(), editing(self.model, {self.before: lambda _: values}):
            try:
                return input_of(self.model, self.after, self.image)
            except InputError:  # something in between looks at the length of the batch
                return input_of(self.model, self.after, self.image.expand(len(values), *self.image.shape[1:]))
