"""What a function that failed was given: an argument of another kind than it takes is named in an `InputError`."""

from __future__ import annotations

import builtins
import functools
import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from netopsy.core.errors import InputError
from netopsy.core.texts import plain, shortened

P = ParamSpec("P")
T = TypeVar("T")

LARGEST = 2**63
"""Whole numbers from here on no tensor and no array takes."""


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """A function whose mishaps are explained: an argument that is of none of the annotated types is named.

    A call that succeeds costs nothing and is what it was; an `InputError` of the function's own stays as it is.

    >>> @checked
    ... def half(number: float) -> float:
    ...     return number / 2
    >>> half(3)
    1.5
    >>> half("x")
    Traceback (most recent call last):
    netopsy.core.errors.InputError: number must be float, got str: 'x'
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except InputError:
            raise
        except Exception as error:
            wrong = _wrong_argument(function, args, kwargs)
            if wrong is None:
                raise
            raise InputError(wrong) from error

    return call


def checked_class(made: type[T]) -> type[T]:
    """`checked` for what a class is made from."""
    made.__init__ = checked(made.__init__)  # type: ignore[method-assign]
    return made


class _Names(dict[str, Any]):
    """Names in annotations that are imported for type checkers only; they may be anything."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.known = {**vars(builtins), **inspect.unwrap(function).__globals__}

    def __missing__(self, name: str) -> Any:
        return self.known.get(name, Any)


def _wrong_argument(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
        hints = get_type_hints(function, localns=_Names(function))
    except (TypeError, NameError, AttributeError):
        return None
    for name, value in bound.arguments.items():
        if isinstance(value, int) and abs(value) >= LARGEST:
            return f"{name} must be below 2^63, got a number of {value.bit_length()} bits"
        kind = inspect.signature(function).parameters[name].kind
        single = kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if single and name in hints and not _fits(value, hints[name]):
            got = f"{type(value).__name__}: {shortened(plain(repr(value)), 60)}"
            return f"{name} must be {_words(hints[name])}, got {got}"
    return None


def _fits(value: object, wanted: Any) -> bool:
    """Whether a value may be of a type; types that say more than can be seen from outside are taken for fitting."""
    origin, inner = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return True
    if wanted is None or wanted is type(None):
        return value is None
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return isinstance(value, str | int) and value in inner
    array = getattr(wanted, "array_type", None)
    if array is not None:  # jaxtyping's
        return _fits(value, array) and (getattr(value, "ndim", 1) > 0 or not _axes(wanted))
    if origin is not None:
        return _fits(value, origin) and _entries_fit(value, origin, inner)
    if not isinstance(wanted, type):
        return True
    if isinstance(value, bool) and wanted in (int, float):
        return False
    if wanted is float:
        return isinstance(value, float | int)
    several = issubclass(wanted, Collection | Iterable) and wanted is not type(value)
    if several and (isinstance(value, str | bytes) or getattr(value, "ndim", 1) == 0):  # no axis, no entries
        return False
    return isinstance(value, wanted)


def _axes(wanted: Any) -> list[str]:
    """The axes that an array has for certain."""
    return [axis for axis in str(getattr(wanted, "dim_str", "")).split() if not axis.startswith(("*", "..."))]


def _entries_fit(value: Any, origin: Any, inner: tuple[Any, ...]) -> bool:
    if isinstance(value, Mapping):
        return len(inner) != 2 or all(_fits(key, inner[0]) and _fits(each, inner[1]) for key, each in value.items())
    if isinstance(value, list | tuple | set | frozenset) and inner and isinstance(origin, type):
        each_alike = len(inner) == 1 or (len(inner) == 2 and inner[1] is ...)
        return not each_alike or all(_fits(each, inner[0]) for each in value)
    return True


def _words(wanted: Any) -> str:
    inner = get_args(wanted)
    if get_origin(wanted) in (Union, types.UnionType):
        return " or ".join(_words(each) for each in inner)
    if get_origin(wanted) is Literal:
        return " or ".join(map(repr, inner))
    array = getattr(wanted, "array_type", None)
    if array is not None:
        return f"a {_words(array)} [{getattr(wanted, 'dim_str', '')}]"
    if wanted is type(None):
        return "None"
    named = str(wanted) if get_origin(wanted) is not None or not isinstance(wanted, type) else wanted.__name__
    return named.replace("collections.abc.", "").replace("typing.", "").replace("torch.", "")
