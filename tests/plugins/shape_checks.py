"""The shape checks of the test run at a fraction of their price: what jaxtyping and beartype check, made once.

jaxtyping's import hook makes two checkers for every function when it is decorated, binds the arguments of every call,
and checks them twice. Here they are made when a function is first called, one for its arguments and one for its result,
and all functions of one piece of code share them: those within functions are decorated at each call of the outer one.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import wraps
from typing import Any

import jaxtyping
from beartype import beartype

_MADE: dict[Any, "_Checks"] = {}
_jaxtyped = jaxtyping.jaxtyped


def install() -> None:
    """From now on functions that the import hook decorates are checked as `checked` does."""
    jaxtyping.jaxtyped = jaxtyped


def jaxtyped(*arguments: Any, **named: Any) -> Any:
    """As jaxtyping's, but for what the import hook decorates."""
    original = _jaxtyped(*arguments, **named)
    return original if arguments or not named else _decorated


def _decorated(made: Any) -> Any:
    if not isinstance(made, type):
        return checked(made)
    if dataclasses.is_dataclass(made) and "__init__" in vars(made):
        made.__init__ = checked(made.__init__)
    return made


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its arguments and its result checked, unless the checks are switched off.

    Raises:
        TypeCheckError: on a call with another type or shape than is annotated.
    """
    checks: _Checks | None = None

    def wanted() -> "_Checks | None":
        nonlocal checks
        if jaxtyping.config.jaxtyping_disable:
            return None
        if checks is None:
            checks = _checks_of(function)
        return checks

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def awaiting(*arguments: Any, **named: Any) -> Any:
            found = wanted()
            if found is None:
                return await function(*arguments, **named)
            found.take(function, arguments, named)
            return found.give(function, await function(*arguments, **named))

        return awaiting

    @wraps(function)
    def checking(*arguments: Any, **named: Any) -> Any:
        found = wanted()
        if found is None:
            return function(*arguments, **named)
        with _jaxtyped("context") if found.shapes else nullcontext():
            found.take(function, arguments, named)
            return found.give(function, function(*arguments, **named))

    return checking


@dataclasses.dataclass(frozen=True)
class _Checks:
    """What is checked of one piece of code."""

    arguments: Callable[..., Any]
    result: Callable[[Any], Any] | None
    shapes: bool
    """Whether axes are named, so that what they are is to be remembered during a call."""

    def take(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        """Refuse arguments of another kind; what is missing or too much the function itself says better."""
        try:
            self.arguments(*arguments, **named)
        except Exception as error:
            if isinstance(error, TypeError) and not _binds(function, arguments, named):
                return
            raise _refused(function, "parameters", error) from None

    def give(self, function: Callable[..., Any], out: Any) -> Any:
        """The result, which is of the kind that is annotated."""
        if self.result is not None:
            try:
                self.result(out)
            except Exception as error:
                raise _refused(function, "return value", error) from None
        return out


def _binds(function: Callable[..., Any], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> bool:
    try:
        inspect.signature(function).bind(*arguments, **named)
    except TypeError:
        return False
    return True


def _refused(function: Callable[..., Any], what: str, error: Exception) -> jaxtyping.TypeCheckError:
    where = f"{function.__module__}.{function.__qualname__}"
    return jaxtyping.TypeCheckError(f"Type-check error whilst checking the {what} of {where}: {error}")


def _checks_of(function: Callable[..., Any]) -> _Checks:
    key = (function.__module__, function.__qualname__, function.__code__, *function.__annotations__.items())
    try:
        found = _MADE.get(key)
    except TypeError:  # an annotation that cannot be hashed
        return _made(function)
    if found is None:
        found = _MADE[key] = _made(function)
    return found


def _made(function: Callable[..., Any]) -> _Checks:
    hints = {name: _resolved(hint, function.__globals__) for name, hint in function.__annotations__.items()}
    result = hints.pop("return", Any)
    signature = inspect.signature(function)
    arguments = _like(signature)
    arguments.__name__, arguments.__qualname__ = function.__name__, function.__qualname__
    arguments.__module__, arguments.__annotations__ = function.__module__, hints

    def value(value):
        return value

    value.__annotations__ = {"return": result}
    shapes = any(map(_names_axes, (*hints.values(), result)))
    return _Checks(beartype(arguments), None if result is Any else beartype(value), shapes)


def _like(signature: inspect.Signature) -> types.FunctionType:
    """A function that takes the same and does nothing."""
    bare, defaults = [], {}
    for name, each in signature.parameters.items():
        default = inspect.Parameter.empty
        if each.default is not inspect.Parameter.empty:
            defaults[f"_{name}"] = each.default
            default = _Name(f"_{name}")
        bare.append(each.replace(annotation=inspect.Parameter.empty, default=default))
    exec(f"def same{inspect.Signature(bare)}: pass", defaults)
    return defaults["same"]


class _Name(str):
    """Is written as it is."""

    def __repr__(self) -> str:
        return str(self)


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    """What an annotation stands for; anything where that is not known at run time."""

    def carrier() -> None: ...

    carrier.__annotations__ = {"value": hint}
    try:
        return typing.get_type_hints(carrier, names, include_extras=True)["value"]
    except Exception:
        return Any


def _names_axes(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray) and not typing.get_args(hint):
        return True
    return any(map(_names_axes, typing.get_args(hint)))
