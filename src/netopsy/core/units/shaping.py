"""What reshaping, cutting and reading the shape do to units."""

from __future__ import annotations

from typing import Any

from netopsy.core.units.atoms import Atoms, Ids
from netopsy.core.units.layout import Layout, Size, Unsafe, layout_of, marks, moved, plain, shape_of
from netopsy.core.units.tracing import Step, Traced, name_of


def flatten(atoms: Atoms, step: Step) -> Layout | None:
    layout, shape = layout_of(step.given(0, "input")), shape_of(step.given(0, "input"))
    if layout is None:
        return None
    return _followed(moved(shape, layout, shape_of(step.output), ()))


def reshape(atoms: Atoms, step: Step) -> Layout | None:
    sizes = list(step.args[1:])
    if not sizes:
        raise Unsafe("reshapes in a way that is not known")
    if len(sizes) == 1 and isinstance(plain(sizes[0]), tuple | list):
        sizes = _one_by_one(sizes[0])
    layout = layout_of(step.given(0, "input"))
    if layout is None:
        if list(marks(sizes)):
            raise Unsafe("uses the number of units elsewhere")
        return None
    found = _followed(moved(shape_of(step.given(0, "input")), layout, shape_of(step.output), sizes))
    for each in sizes:
        if isinstance(each, Traced) and isinstance(each.mark, Size):
            atoms.tie(each.mark.ids, found.ids)
    return found


def _one_by_one(shape: Any) -> list[Any]:
    if not isinstance(shape, Traced):
        return list(shape)
    known = shape.mark or [None] * len(shape.value)
    return [Traced(number, mark) for number, mark in zip(shape.value, known, strict=True)]


def _followed(found: Layout | str) -> Layout:
    if isinstance(found, str):
        raise Unsafe(found)
    return found


def permute(atoms: Atoms, step: Step) -> Layout | None:
    layout, ndim = layout_of(step.given(0, "input")), len(shape_of(step.given(0, "input")))
    if layout is None:
        return None
    order = list(range(ndim))
    if name_of(step.target) == "permute":
        dims = step.given(1, "dims")
        order = [each % ndim for each in (dims if isinstance(dims, list | tuple) else step.args[1:])]
    else:
        one, other = step.given(1, "dim0") % ndim, step.given(2, "dim1") % ndim
        order[one], order[other] = other, one
    return Layout(order.index(layout.axis), layout.ids)


def squeeze(atoms: Atoms, step: Step) -> Layout | None:
    layout, shape = layout_of(step.given(0, "input")), shape_of(step.given(0, "input"))
    if layout is None:
        return None
    dims = plain(step.given(1, "dim", tuple(range(len(shape)))))
    gone = {each % len(shape) for each in ([dims] if isinstance(dims, int) else dims)}
    if layout.axis in gone and len(layout.ids) > 1:  # with two or more left it drops no units
        atoms.fix(layout.ids[:1], f"{step.name!r} would drop the dimension of a last unit")
    gone = {each for each in gone if shape[each] == 1}
    if layout.axis in gone:
        raise Unsafe("drops the dimension of a single unit")
    return Layout(layout.axis - sum(each < layout.axis for each in gone), layout.ids)


def unsqueeze(atoms: Atoms, step: Step) -> Layout | None:
    layout, ndim = layout_of(step.given(0, "input")), len(shape_of(step.given(0, "input"))) + 1
    return layout and Layout(layout.axis + (step.given(1, "dim") % ndim <= layout.axis), layout.ids)


def chunk(atoms: Atoms, step: Step) -> Any:
    layout, shape = layout_of(step.given(0, "input")), shape_of(step.given(0, "input"))
    if layout is None:
        return None
    count, dim = plain(step.given(1, "chunks")), plain(step.given(2, "dim", 0)) % len(shape)
    if dim != layout.axis:
        return tuple(layout for _ in step.output)
    return tuple(Layout(layout.axis, part) for part in _parts(atoms, layout, count))


def glu(atoms: Atoms, step: Step) -> Layout | None:
    layout, ndim = layout_of(step.given(0, "input")), len(shape_of(step.given(0, "input")))
    dim: Any = step.module.dim if step.module is not None else step.given(1, "dim", -1)
    if layout is None or dim % ndim != layout.axis:
        return layout
    return Layout(layout.axis, _parts(atoms, layout, 2)[0])


def _parts(atoms: Atoms, layout: Layout, count: int) -> list[Ids]:
    """Equal parts, of which each must lose as many units as the others: the i-th ones go together."""
    if not isinstance(count, int) or len(layout.ids) % count:
        raise Unsafe("cuts the units into unequal parts")
    parts = list(layout.ids.reshape(count, -1))
    for part in parts[1:]:
        atoms.tie(parts[0], part)
    return parts


def item(atoms: Atoms, step: Step) -> Any:
    given, index = step.args
    if isinstance(given, Traced) and isinstance(given.mark, tuple):
        if list(marks(index)):
            raise Unsafe("computes with the number of units")
        return given.mark[plain(index)]
    layout = layout_of(given)
    if layout is None or list(marks(index)):
        if list(marks(index)):
            raise Unsafe("computes with the number of units")
        return None
    entries = list(index) if isinstance(index, tuple) else [index]
    if not all(isinstance(each, int | slice | type(None) | type(...)) for each in entries):
        raise Unsafe("picks entries in a way that is not known")
    if ... in entries:
        at = entries.index(...)
        missing = len(shape_of(given)) - sum(each is not None for each in entries) + 1
        entries[at : at + 1] = [slice(None)] * missing
    axis, source = 0, 0
    for each in entries:
        if each is None:
            axis += 1
            continue
        if source == layout.axis:
            if each != slice(None):
                raise Unsafe("picks units by their number")
            return Layout(axis, layout.ids)
        source, axis = source + 1, axis + (not isinstance(each, int))
    return Layout(axis + layout.axis - source, layout.ids)


def attribute(atoms: Atoms, step: Step) -> Any:
    layout, name = layout_of(step.given(0, "input")), plain(step.args[1])
    if layout is None or name in ("device", "dtype", "ndim", "requires_grad"):
        return None
    if name != "shape":
        raise Unsafe(f"uses .{name} of the units")
    return _sizes(layout, len(shape_of(step.given(0, "input"))))


def size(atoms: Atoms, step: Step) -> Any:
    layout, ndim = layout_of(step.given(0, "input")), len(shape_of(step.given(0, "input")))
    if layout is None:
        return None
    sizes, dim = _sizes(layout, ndim), step.given(1, "dim")
    return sizes if dim is None else sizes[dim]


def _sizes(layout: Layout, ndim: int) -> tuple[Size | None, ...]:
    return tuple(Size(layout.ids) if place == layout.axis else None for place in range(ndim))
