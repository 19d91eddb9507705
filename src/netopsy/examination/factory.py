"""A network from ``package.module:factory``, the way a command line names one."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from netopsy.core.contained import contained
from netopsy.core.errors import InputError, require
from netopsy.core.seeds import seeded


def network_from(spec: str, *, seed: int = 0) -> nn.Module:
    """Import ``package.module``, from the working folder or an installed package, and call ``factory()``.

    A ready `nn.Module` under that name is taken as it is. Weights that the factory draws follow from ``seed``.

    Raises:
        InputError: there is no such module or name, it raises, or what it returns is no `nn.Module`.
    """
    module_name, _, attribute = spec.partition(":")
    require(
        all(part.isidentifier() for part in module_name.split(".")) and _is_path(attribute),
        f"model must be given as package.module:factory, got {spec!r}",
    )
    with _working_folder_on_path():
        with seeded(seed):
            target = _attribute(_module(module_name), module_name, attribute)
        if isinstance(target, nn.Module):
            return target
        require(callable(target), f"{spec} must be a function that returns a network, got {type(target).__name__}")
        try:
            with contained("it"), seeded(seed):
                made = target()
        except Exception as error:
            raise InputError(f"{spec} could not make a network: {_last_line(error)}") from error
    require(isinstance(made, nn.Module), f"{spec} must return a torch nn.Module, but returns {type(made).__name__}")
    return made


def _module(name: str) -> Any:
    try:
        with contained("it"):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise InputError(
                f"there is no module {error.name!r}, neither in the working folder nor among the installed packages"
            ) from error
        raise InputError(f"the module {name!r} cannot be imported: {_last_line(error)}") from error
    except Exception as error:
        raise InputError(f"the module {name!r} cannot be imported: {_last_line(error)}") from error


def _attribute(module: Any, module_name: str, path: str) -> Any:
    found = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise InputError(f"the module {module_name!r} has no {path!r}")
        found = getattr(found, part)
    return found


def _is_path(text: str) -> bool:
    return bool(text) and all(part.isidentifier() for part in text.split("."))


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if lines and isinstance(error, InputError):
        return lines[-1].strip()
    return f"{type(error).__name__}: {lines[-1].strip()}" if lines else type(error).__name__


@contextmanager
def _working_folder_on_path() -> Iterator[None]:
    here = os.getcwd()
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)
