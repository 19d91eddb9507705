"""Errors that tell the caller what was wrong and what is wanted, in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class InputError(ValueError):
    """Something the caller handed in cannot be used; the message names it, what was given and what is wanted.

    It is one line, whatever was printed into it.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(" ".join(each.split("\n")) if isinstance(each, str) else each for each in args))


class UnknownNameError(InputError, KeyError):
    """A name is not among the known ones; the message lists the nearest known names."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        super().__init__(f"unknown {kind} {name!r}: {_suggestion(str(name), self.known)}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, self.name, self.known)


def require(condition: object, message: str) -> None:
    """Raise `InputError(message)` unless ``condition`` is true."""
    if not condition:
        raise InputError(message)


def lookup(kind: str, name: str, table: Mapping[str, T]) -> T:
    """The entry called ``name``, or an error that lists the nearest known names."""
    try:
        return table[name]
    except (KeyError, TypeError):
        raise UnknownNameError(kind, name, table) from None


def _suggestion(name: str, known: Sequence[str]) -> str:
    if not known:
        return "there is none to choose from"
    near = difflib.get_close_matches(name, known, n=4, cutoff=0.5)
    if near:
        return f"did you mean {', '.join(map(repr, near))}?"
    shown = ", ".join(map(repr, known[:8]))
    return f"choose from {shown}" + (f" and {len(known) - 8} more" if len(known) > 8 else "")
