"""The unit of work of a study: one measure at one point of its grid, and what measuring it gives."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from netopsy.core.errors import InputError, require

Scalar: TypeAlias = bool | int | float | str | None
"""What a column of a study's table may hold."""

Row: TypeAlias = dict[str, Scalar]

Rows: TypeAlias = Iterable[Mapping[str, Any]]
"""What a measure gives: its rows, as a list or one after another."""

Measure: TypeAlias = Callable[..., Rows]


@dataclass(frozen=True)
class Cell:
    """One measure and the arguments that decide its result completely. Comes from `Cell.of`.

    Arguments are JSON values: numbers, strings, booleans, ``None``, lists, dictionaries, and dataclasses of them. A
    measure gets them back in the types that it declares, tuples and dataclasses included. A study that trains its
    seeds as one stack hands over the tuple of seeds, so a cell may cover several runs.

    >>> def widths(width: int, seeds: tuple[int, ...]): ...
    >>> cell = Cell.of(widths, width=3, seeds=(0, 1))
    >>> cell.name, cell.parameters
    ('widths, width 3', {'width': 3, 'seeds': [0, 1]})
    """

    measure: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(measure: Measure, /, **arguments: Any) -> Cell:
        """A cell of ``measure``; raises `InputError` where the arguments do not fit its signature."""
        measured_function(measure)
        try:
            inspect.signature(measure).bind(**arguments)
        except TypeError as error:
            raise InputError(f"the arguments of a cell do not fit the measure {measure.__name__}: {error}") from None
        return Cell(measure.__name__, arguments)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", json.loads(self._canonical()))

    def __hash__(self) -> int:
        return hash((self.measure, self._canonical(sort=True)))

    @property
    def name(self) -> str:
        """For people: the measure and the arguments that are single values."""
        return ", ".join((self.measure, *(f"{key} {value}" for key, value in self.scalars.items() if value != "")))

    @property
    def scalars(self) -> Row:
        """The arguments that are single values; they become columns of the study's table."""
        return {key: value for key, value in self.parameters.items() if isinstance(value, Scalar)}

    def key(self, paper: str, version: str) -> str:
        """The name this cell's result is stored under: a hash of paper, measure, arguments and code version."""
        text = "\n".join((paper, version, self.measure, self._canonical(sort=True)))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def arguments(self, measure: Measure) -> dict[str, Any]:
        """The arguments in the types that ``measure`` declares."""
        hints = get_type_hints(measure)
        return {name: _typed(value, hints.get(name, Any)) for name, value in self.parameters.items()}

    def _canonical(self, *, sort: bool = False) -> str:
        try:
            return json.dumps(_plain(self.parameters), allow_nan=False, sort_keys=sort)
        except (TypeError, ValueError) as error:
            raise InputError(f"arguments of a cell of {self.measure} must be finite JSON values: {error}") from None


def measured_function(measure: object) -> FunctionType:
    """The function behind a measure; raises `InputError` for what is none, such as a `functools.partial`."""
    function = inspect.unwrap(measure) if callable(measure) else measure
    if not isinstance(function, FunctionType):
        raise InputError(
            f"a measure must be a function of a module, got {type(measure).__name__}: hand over as arguments of its"
            " cells what it is to keep"
        )
    return function


def measured(measure: Measure, cell: Cell) -> list[Row]:
    """The rows of a cell as plain Python values, each with the cell's single arguments and its measure as columns.

    A row's own columns come first; its own ``measure`` wins over the cell's. Raises `InputError` for anything else
    than dictionaries from column names to scalars.
    """
    found = measure(**cell.arguments(measure))
    require(
        isinstance(found, Iterable) and not isinstance(found, str | Mapping),
        f"a measure must give rows, got {type(found).__name__}",
    )
    return [{"measure": cell.measure, **cell.scalars, **_row(entry)} for entry in found]


def _row(entry: object) -> Row:
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


def _plain(value: Any) -> Any:
    """The value with dataclasses as dictionaries; refuses keys that JSON would silently turn into strings."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"keys must be strings, got {list(value)}")
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def _typed(value: Any, wanted: Any) -> Any:
    """A JSON value in the type that was declared for it."""
    if isinstance(value, Mapping) and dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        hints = get_type_hints(wanted)
        return wanted(**{key: _typed(entry, hints[key]) for key, entry in value.items()})
    if isinstance(value, Mapping):
        inner = (get_args(wanted) or (Any, Any))[-1]
        return {key: _typed(entry, inner) for key, entry in value.items()}
    if not isinstance(value, list):
        return value
    if get_origin(wanted) is list:
        return [_typed(entry, get_args(wanted)[0]) for entry in value]
    inner_types = get_args(wanted)
    if get_origin(wanted) is not tuple or not inner_types:
        return tuple(_typed(entry, Any) for entry in value)
    if inner_types[-1] is Ellipsis:
        return tuple(_typed(entry, inner_types[0]) for entry in value)
    return tuple(_typed(entry, each) for entry, each in zip(value, inner_types, strict=True))
