"""From the dotted names in the catalogue to the objects, and to one line on how each is called."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import Any

from netopsy.core.errors import UnknownNameError


@dataclass(frozen=True)
class MethodLine:
    """A method as a table shows it: where it is imported from, how it is called, and what it does in one sentence."""

    module: str
    name: str
    call: str
    does: str


def resolve(dotted: str) -> Any:
    """The object behind ``package.module.name``; raises `UnknownNameError` when the module has no such name.

    >>> resolve("netopsy.catalogue.papers").__name__
    'papers'
    """
    module_name, _, name = dotted.rpartition(".")
    module = importlib.import_module(module_name)
    try:
        return getattr(module, name)
    except AttributeError:
        raise UnknownNameError(f"method of {module_name}", name, [n for n in dir(module) if n[0] != "_"]) from None


def describe(dotted: str) -> MethodLine:
    """One line on a method, read from its signature and its docstring.

    >>> describe("netopsy.catalogue.claim").call
    'claim(slug, claim_id)'
    """
    method = resolve(dotted)
    module, _, name = dotted.rpartition(".")
    does = (inspect.getdoc(method) or "").split("\n\n")[0]
    return MethodLine(module, name, f"{name}({_arguments(method)})", " ".join(does.split()))


def _arguments(method: Any) -> str:
    """The parameters and their defaults, without annotations."""
    shown: list[str] = []
    keyword_only = False
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            shown, keyword_only = [*shown, f"*{parameter.name}"], True
            continue
        if parameter.kind is parameter.VAR_KEYWORD:
            shown.append(f"**{parameter.name}")
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            shown, keyword_only = [*shown, "*"], True
        shown.append(parameter.name + _default(parameter.default))
    return ", ".join(shown)


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return ""
    simple = isinstance(value, (bool, int, float, str, tuple)) or value is None
    return f"={value!r}" if simple else f"={getattr(value, '__name__', '...')}"
