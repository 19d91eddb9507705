"""What functions of numbers, of grids and of whole dimensions do to units."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from netopsy.core.pad_shortcut import PadShortcut
from netopsy.core.units.atoms import Atoms
from netopsy.core.units.layout import Layout, Size, Unsafe, layout_of, marks, plain, shape_of, tensors_in
from netopsy.core.units.tracing import Step, Traced, name_of


def keep(atoms: Atoms, step: Step) -> Layout | None:
    """Every number by itself."""
    first, others = _rest(step)
    if list(marks(others)):
        raise Unsafe("takes several tensors")
    shaped = [each for each in tensors_in(others) if each.numel() > 1]
    if shaped and step.kind != "call_module" and name_of(step.target) != "to":
        raise Unsafe("takes several tensors")
    if isinstance(first, Traced) and not isinstance(first.mark, Layout) and list(marks(first)):
        raise Unsafe("computes with the number of units")
    return layout_of(first)


def _rest(step: Step) -> tuple[Any, Any]:
    """The first argument, and all others."""
    first = step.given(0, "input")
    named = {name: value for name, value in step.kwargs.items() if value is not first}
    return first, (step.args[1:], named)


def combine(atoms: Atoms, step: Step) -> Layout | None:
    """Number by number with broadcasting: units at the same place are one from here on."""
    given = [each for each in (*step.args, *step.kwargs.values()) if isinstance(each, Traced)]
    if any(isinstance(each.mark, Size) for each in given):
        return _of_sizes(step, given)
    tensors = [each for each in given if isinstance(each.value, Tensor)]
    layouts = [(each, layout) for each in tensors if (layout := layout_of(each))]
    if not layouts:
        return None
    places = {layout.axis - each.value.ndim for each, layout in layouts}
    if len(places) > 1:
        raise Unsafe("adds or multiplies units along different dimensions")
    (place,) = places
    wide = max((layout for _, layout in layouts), key=lambda layout: len(layout.ids))
    for each in tensors:
        own = layout_of(each)
        if own is not None and len(own.ids) == len(wide.ids):
            atoms.tie(wide.ids, own.ids)
        elif own is not None:
            atoms.fix(own.ids, f"{step.name!r} spreads a single unit over others")
        elif each.value.ndim >= -place and each.value.shape[place] != 1:
            atoms.fix(wide.ids, f"{step.name!r} adds or multiplies them with what has no hidden units")
    axis = step.output.ndim + place
    if step.output.shape[axis] != len(wide.ids):
        raise Unsafe("spreads a single unit over others")
    return Layout(axis, wide.ids)


def _of_sizes(step: Step, given: Sequence[Traced]) -> Any:
    """A number of units times a number of places is the number of both; any other arithmetic ends here."""
    numbers = [plain(each) for each in step.args]
    sizes = [each.mark for each in given if isinstance(each.mark, Size)]
    if name_of(step.target) == "mul" and len(sizes) == 1 and all(isinstance(each, int) for each in numbers):
        other = numbers[1] if getattr(step.args[0], "mark", None) is sizes[0] else numbers[0]
        return Size(sizes[0].ids.repeat(other))
    raise Unsafe("computes with the number of units")


def concatenate(atoms: Atoms, step: Step) -> Layout | None:
    tensors = step.given(0, "tensors")
    if not isinstance(tensors, list | tuple) or not any(layout_of(each) for each in tensors):
        return None
    axes = {layout.axis for each in tensors if (layout := layout_of(each))}
    if len(axes) > 1:
        raise Unsafe("joins units along different dimensions")
    (axis,) = axes
    ndim = len(shape_of(tensors[0]))
    parts = []
    for each in tensors:
        layout = layout_of(each)
        why = f"{step.name!r} joins them with what has no hidden units"
        parts.append(layout.ids if layout else atoms.immovable(shape_of(each)[axis], why))
    if plain(step.given(1, "dim", 0)) % ndim == axis:
        return Layout(axis, np.concatenate(parts))
    for part in parts[1:]:
        atoms.tie(parts[0], part)
    return Layout(axis, parts[0])


def reduce(atoms: Atoms, step: Step) -> Layout | None:
    layout, ndim = layout_of(step.given(0, "input")), len(shape_of(step.given(0, "input")))
    if layout is None:
        return None
    dims = plain(step.given(1, "dim"))
    if isinstance(dims, bool) or not (isinstance(dims, int) or dims):
        raise Unsafe("takes all units together")
    gone = {each % ndim for each in ([dims] if isinstance(dims, int) else dims)}
    if layout.axis in gone:
        raise Unsafe("takes all units together")
    dropped = 0 if len(shape_of(step.output)) == ndim else sum(each < layout.axis for each in gone)
    return Layout(layout.axis - dropped, layout.ids)


def along(atoms: Atoms, step: Step) -> Layout | None:
    """Softmax and the like: safe along any dimension but that of the units."""
    layout, ndim = layout_of(step.given(0, "input")), len(shape_of(step.given(0, "input")))
    dim = getattr(step.module, "dim", None) if step.module is not None else step.given(1, "dim")
    if layout is not None and (dim is None or dim % ndim == layout.axis):
        raise Unsafe("takes all units together")
    return layout


def spatial(atoms: Atoms, step: Step) -> Layout | None:
    """Pooling, padding and resizing of a grid, channel by channel."""
    layout, shape = layout_of(step.given(0, "input")), shape_of(step.given(0, "input"))
    if list(marks(_rest(step)[1])):
        raise Unsafe("uses the number of units elsewhere")
    if layout is None:
        return None
    name = type(step.module).__name__ if step.module is not None else name_of(step.target)
    digit = re.search(r"(\d)d$", name)
    axis = len(shape) - int(digit[1]) - 1 if digit else 1
    after = shape_of(step.output)
    if layout.axis != axis or len(after) != len(shape) or after[axis] != shape[axis]:
        raise Unsafe("works along the units")
    return layout


def pad(atoms: Atoms, step: Step) -> Layout | None:
    layout, shape = layout_of(step.given(0, "input")), shape_of(step.given(0, "input"))
    pads = plain(step.given(1, "pad"))
    if layout is None:
        return None
    place = 2 * (len(shape) - 1 - layout.axis)
    before, behind = (*pads[place : place + 2], 0, 0)[:2]
    if (before or behind) and (min(before, behind) < 0 or plain(step.given(2, "mode", "constant")) != "constant"):
        raise Unsafe("pads the units in a way that is not known")
    if not before and not behind:
        return layout
    ends = [atoms.immovable(count, f"{step.name!r} pads them with zeros") for count in (before, behind)]
    return Layout(layout.axis, np.concatenate([ends[0], layout.ids, ends[1]]))


def pad_shortcut(atoms: Atoms, step: Step) -> Layout | None:
    """Zeros on both sides of the units, which go with what is added to them."""
    layout, module = layout_of(step.given(0, "features")), step.module
    assert isinstance(module, PadShortcut)
    if layout is None:
        return None
    if layout.axis != 1:
        raise Unsafe("works along the units")
    zeros = atoms.made(None, module.zeros)
    atoms.place("count", f"{step.target}.zeros", 0, zeros)
    return Layout(1, np.concatenate([zeros[: module.before], layout.ids, zeros[module.before :]]))
