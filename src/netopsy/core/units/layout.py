"""Along which dimension of a tensor its units lie, and how reshaping moves them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from netopsy.core.units.atoms import Ids
from netopsy.core.units.tracing import Traced


class Unsafe(Exception):  # noqa: N818 - no error: what a rule raises where units cannot be followed
    """Units end here; the message says why."""


@dataclass(frozen=True, eq=False)
class Layout:
    """The unit of every position along one dimension."""

    axis: int
    ids: Ids


@dataclass(frozen=True, eq=False)
class Size:
    """A number that is the count of these positions."""

    ids: Ids


def marks(given: Any) -> Iterator[Layout | Size]:
    """Everything known about units in arguments, however deep they are nested."""
    if isinstance(given, Layout | Size):
        yield given
    elif isinstance(given, Traced):
        yield from marks(given.mark)
    elif isinstance(given, dict):
        yield from marks(tuple(given.values()))
    elif isinstance(given, list | tuple):
        for each in given:
            yield from marks(each)
    elif isinstance(given, slice):
        yield from marks((given.start, given.stop, given.step))


def tensors_in(given: Any) -> Iterator[Tensor]:
    """The tensors in arguments, however deep they are nested."""
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, Traced):
        yield from tensors_in(given.value)
    elif isinstance(given, dict):
        yield from tensors_in(tuple(given.values()))
    elif isinstance(given, list | tuple):
        for each in given:
            yield from tensors_in(each)


def layout_of(given: Any) -> Layout | None:
    """Where the units of a tensor lie; ``None`` where it has none."""
    mark = given.mark if isinstance(given, Traced) else None
    return mark if isinstance(mark, Layout) else None


def plain(given: Any) -> Any:
    """The values of arguments, however deep they are nested."""
    if isinstance(given, Traced):
        return given.value
    if isinstance(given, list | tuple):
        return [plain(each) for each in given]
    return given


def moved(shape: Sequence[int], layout: Layout, wanted: Sequence[int], sizes: Sequence[Any]) -> Layout | str:
    """The layout behind a reshape of ``shape`` to ``wanted``, or why there is none.

    ``sizes`` are the arguments of the call: the size that the units end up in must follow from the tensor itself, as
    -1 does, because a number that is written down is wrong once units are gone.
    """
    axis = layout.axis
    for place in range(len(wanted)):
        before, after = math.prod(wanted[:place]), math.prod(wanted[place + 1 :])
        starts = [s for s in range(axis + 1) if math.prod(shape[:s]) == before]
        ends = [e for e in range(axis + 1, len(shape) + 1) if math.prod(shape[e:]) == after]
        if not starts or not ends:
            continue
        start, end = starts[-1], ends[0]
        if start == 0 and axis > 0:
            return "merges the units with the batch"
        ids = expanded(layout.ids, math.prod(shape[start:axis]), math.prod(shape[axis + 1 : end]))
        own = sizes[place] if place < len(sizes) else -1
        if isinstance(own, Traced) and isinstance(own.mark, Size) and len(own.mark.ids) == len(ids):
            return Layout(place, ids)
        if plain(own) == -1:
            others = [each for number, each in enumerate(sizes) if number != place]
            return "uses the number of units elsewhere" if list(marks(others)) else Layout(place, ids)
        return f"writes the number of units down as {plain(own)}"
    return "mixes the units with other dimensions"


def expanded(ids: Ids, before: int, after: int) -> Ids:
    """The unit of every position where the dimension is merged with the ones before and behind it."""
    return np.tile(np.repeat(ids, after), before)


def shape_of(given: Any) -> tuple[int, ...]:
    """The shape of a tensor, traced or not."""
    value = plain(given)
    return tuple(value.shape) if isinstance(value, Tensor) else ()
