"""beartype for the shape checks of the test run, at a fraction of its price.

jaxtyping has two checkers made for every function it decorates, and most functions of a test process are never called:
one is made here when it is first needed. Functions within functions are decorated at each call of the outer one: those
with the same name and the same annotations share a checker.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from beartype import beartype

_MADE: dict[Any, Callable[..., Any]] = {}


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """What ``beartype`` makes of a function whose body does nothing, as those are that jaxtyping has checked."""
    kind = function.__code__.co_argcount, function.__code__.co_posonlyargcount, function.__code__.co_flags
    key = (function.__module__, function.__qualname__, kind, *function.__annotations__.items())

    @wraps(function)
    def checking(*arguments: Any, **named: Any) -> Any:
        try:
            made = _MADE.get(key)
        except TypeError:  # an annotation that cannot be hashed
            return beartype(function)(*arguments, **named)
        if made is None:
            made = _MADE[key] = beartype(function)
        return made(*arguments, **named)

    return checking
