"""The unit of work of a study: one point of its grid, and what measuring it gives."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from netopsy.core.errors import InputError, require

Scalar: TypeAlias = bool | int | float | str | None
"""What a column of a study's table may hold."""

Rows: TypeAlias = list[dict[str, Scalar]]
"""What measuring a cell returns: one dictionary a row of the study's table."""


@dataclass(frozen=True)
class Cell:
    """One point of a study's grid: a name for people, and the parameters that decide the measurement completely.

    Parameters are JSON values: numbers, strings, booleans, ``None``, and lists and dictionaries of them (tuples become
    lists). A study that trains its seeds as one stack puts the list of seeds here, so a cell may cover several seeds.

    >>> Cell("width 3", {"width": 3, "seeds": (0, 1)}).parameters
    {'width': 3, 'seeds': [0, 1]}
    """

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", json.loads(self._canonical()))

    def __hash__(self) -> int:
        return hash((self.name, self._canonical()))

    def key(self, paper: str, version: str) -> str:
        """The name this cell's result is stored under: a hash of the paper, the parameters and the code version."""
        text = "\n".join((paper, version, self._canonical(sort=True)))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _canonical(self, *, sort: bool = False) -> str:
        try:
            return json.dumps(_string_keys(self.parameters), allow_nan=False, sort_keys=sort)
        except (TypeError, ValueError) as error:
            raise InputError(f"parameters of cell {self.name!r} must be finite JSON values: {error}") from None


def as_rows(measured: object) -> Rows:
    """What a measure returned as plain Python rows: numpy and torch scalars become numbers.

    Raises `InputError` for anything else than a list of dictionaries from column names to scalars.
    """
    require(isinstance(measured, list), f"a measure must return a list of rows, got {type(measured).__name__}")
    assert isinstance(measured, list)
    return [_row(entry) for entry in measured]


def _row(entry: object) -> dict[str, Scalar]:
    require(isinstance(entry, Mapping), f"a row must be a dictionary of scalars, got {type(entry).__name__}")
    assert isinstance(entry, Mapping)
    require(all(isinstance(column, str) for column in entry), f"columns must be named by strings, got {list(entry)}")
    return {column: _scalar(column, value) for column, value in entry.items()}


def _scalar(column: str, value: Any) -> Scalar:
    if not isinstance(value, bool | int | float | str | None) and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, float):
        return float(value)  # numpy's float64 is a float too
    if not isinstance(value, bool | int | str | None):
        raise InputError(f"column {column!r} must hold numbers, strings, booleans or None, got {type(value).__name__}")
    if isinstance(value, int) and abs(value) > 2**63 - 1:
        raise InputError(f"column {column!r} must hold integers of 64 bits, got one of {math.log2(abs(value)):.0f}")
    return value


def _string_keys(value: Any) -> Any:
    """The value unchanged; refuses keys that JSON would silently turn into strings."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"keys must be strings, got {list(value)}")
        return {key: _string_keys(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_string_keys(entry) for entry in value]
    return value
