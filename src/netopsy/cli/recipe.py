"""A training recipe from a line of text, as a command takes it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.training import Recipe

_KINDS = {field.name: {"int": int, "float": float, "str": str}.get(str(field.type)) for field in fields(Recipe)}
_NAMES = [name for name, kind in _KINDS.items() if kind]


def recipe_from(text: str | None) -> Recipe:
    """The recipe that ``steps=500,lr=0.003`` describes; what it does not name is as in `Recipe`.

    Raises:
        InputError: a part that is not ``name=value``, an unknown name, or a value that does not fit it.

    >>> recipe_from("steps=500, optimizer=sgd").steps
    500
    """
    given: dict[str, Any] = {}
    for part in (text or "").split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        require(equals, f"--recipe must be name=value with commas between them, got {part.strip()!r}")
        require(name in _NAMES, f"--recipe has no {name!r}; it has {', '.join(_NAMES)}")
        kind = _KINDS[name]
        assert kind is not None
        try:
            given[name] = kind(value)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            raise InputError(f"--recipe needs {wanted} for {name}, got {value!r}") from None
    return Recipe(**given)
