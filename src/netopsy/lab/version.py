"""The code key of a measure: a hash of the code it can reach, and of nothing else.

What counts is the import closure of the measure, file by file. Of its own module counts what it reaches by name, so
changing the judge or the figure keeps the stored cells; the files its imports lead to count whole; of a package's
``__init__`` counts what is asked of it by name, so a new re-export changes nothing. Comments, docstrings and layout do
not count. Nothing is imported to find out.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

import netopsy
from netopsy.core.errors import require
from netopsy.lab.cells import measured_function

INFRASTRUCTURE = {"lab", "catalogue", "cli", "web", "examination"}
"""Packages that run and show a study, and decide nothing about what is measured."""

MEASURING = {"subjects", "costs", "statistics"}
"""The parts of ``lab`` that do decide it."""


def code_key(measure: Callable[..., Any]) -> str:
    """The key of the code behind ``measure``, the same on every machine with the same sources and Python.

    Followed are modules of netopsy; from a measure outside of it, also those of its own top-level package, those beside
    it, and all others that are neither installed nor Python's own.
    Raises `InputError` for anything but a function that was defined in a file.
    """
    function = measured_function(measure)
    name, file = function.__qualname__.split(".")[0], inspect.getsourcefile(function)
    require(
        file is not None and Path(file).is_file() and name.isidentifier(),
        f"measure must be a function with a name in a file, got {function.__qualname__}",
    )
    home = _home(function.__module__, Path(file or ""))
    if home.top == "netopsy":
        from netopsy.lab.kept_keys import code_keys_at

        place = f"{home.module}:{name}"
        return code_keys_at([place])[place] or _key(home, name)
    return _key(home, name)


def code_keys(measures: Iterable[Callable[..., Any]]) -> dict[str, str]:
    """The key of each measure under its place, as `code_key_of` reads it."""
    return {f"{measure.__module__}:{measure.__name__}": code_key(measure) for measure in measures}


def code_key_of(place: str) -> str | None:
    """The key of the function at ``place``, written "package.module:function"; ``None`` if there is no such function.

    >>> code_key_of("netopsy.lab.statistics:mean_interval") == code_key_of("netopsy.lab.statistics:no_such_function")
    False
    """
    module, colon, name = place.partition(":")
    require(bool(colon and name), f"place must be written as package.module:function, got {place!r}")
    top = module.partition(".")[0]
    spec = None if top == "netopsy" else PathFinder.find_spec(top)
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []
    bases = [folder.parent for folder in folders] or ([Path(spec.origin).parent] if spec and spec.origin else [])
    for base in [root().parent] if top == "netopsy" else bases:
        home = _Home(module, base, top)
        path = home.file(module)
        if path is not None and name in _parsed(path).bound:
            return _key(_home(module, path), name)
    return None


@dataclass(frozen=True)
class _Home:
    """The module a measure is in, and where its own imports are looked up: ``top`` is the one package that is
    followed, any module in the folder ``base`` where it is empty."""

    module: str
    base: Path
    top: str

    def file(self, module: str) -> Path | None:
        """The file of a module that is followed."""
        top, *rest = module.split(".")
        bases = [root().parent] if top == "netopsy" else [self.base] if self.top in ("", top) else []
        if self.top != "netopsy" and top not in ("netopsy", self.top):
            bases += _own_folders(top)
        places = [(base / top).joinpath(*rest) for base in bases]
        candidates = [path for place in places for path in (place / "__init__.py", place.with_name(f"{place.name}.py"))]
        return next((path for path in candidates if path.is_file()), None)


def _own_folders(top: str) -> list[Path]:
    """The folders that a module or package lies in, none where it is installed or part of Python."""
    if not top or top in sys.stdlib_module_names:
        return []
    try:
        spec = PathFinder.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    places = [Path(folder) for folder in spec.submodule_search_locations or ()]
    places = places or ([Path(spec.origin)] if spec.has_location and spec.origin else [])
    return [place.parent for place in places if not {"site-packages", "dist-packages"} & set(place.parts)]


def _home(module: str, path: Path) -> _Home:
    parts = module.split(".")
    if parts[0] == "netopsy":
        return _Home(module, root().parent, "netopsy")
    inner = path.parent if path.name == "__init__.py" else path.with_suffix("")
    if inner.parts[-len(parts) :] != tuple(parts):  # a script, or loaded under another name
        return _Home(path.stem, path.parent, "")
    base = inner.parents[len(parts) - 1]
    alone = len(parts) == 1 and path.name != "__init__.py" and base.name not in ("site-packages", "dist-packages")
    return _Home(module, base, "" if alone else parts[0])


class _Asked(NamedTuple):
    """What is asked of a module: a name; all of it for ``"*"``; what importing it runs for the empty name."""

    module: str
    name: str


def _key(home: _Home, name: str) -> str:
    start, file = _Asked(home.module, name), cache(home.file)
    waiting, seen, kept = [start], set[_Asked](), dict[str, set[int]]()
    while waiting:
        asked = waiting.pop()
        if asked in seen:
            continue
        seen.add(asked)
        path = file(asked.module)
        if path is None:
            if asked.name.isidentifier():  # a package without ``__init__``
                waiting.append(_Asked(f"{asked.module}.{asked.name}", "*"))
            continue
        module, name, package = _parsed(path), asked.name, path.name == "__init__.py"
        hidden = asked != start and _is_infrastructure(asked.module)
        if hidden and (asked.module != "netopsy.lab" or name == "*"):
            continue
        if asked != start and not package:
            name = "*"
        reached = module.reach(name)
        if not hidden:
            kept.setdefault(asked.module, set()).update(reached)
        surroundings = asked.module if package else asked.module.rpartition(".")[0]
        waiting += [each for index in reached for each in _asked_by(module.statements[index], surroundings)]
        waiting.append(_Asked(asked.module.rpartition(".")[0], ""))
        if package and name.isidentifier():  # a module of the package, whether or not ``__init__`` names it too
            waiting.append(_Asked(f"{asked.module}.{name}", "*"))
    digest = hashlib.blake2b(digest_size=16)
    for each in sorted(kept):
        path = file(each)
        assert path is not None
        meanings = _parsed(path).meanings
        for index in sorted(kept[each]):
            digest.update(f"{each}\n{meanings[index]}\n".encode())
    return digest.hexdigest()


def _is_infrastructure(module: str) -> bool:
    top, package, inner, *_ = [*module.split("."), "", ""]
    return top == "netopsy" and package in INFRASTRUCTURE and not (package == "lab" and inner in MEASURING)


@lru_cache(maxsize=2**16)  # every measure of a study reaches much the same statements
def _asked_by(statement: ast.stmt, package: str) -> tuple[_Asked, ...]:
    """What the imports in a statement of a module in ``package`` ask for, those inside functions included."""
    return tuple(_imports(statement, package))


def _imports(statement: ast.stmt, package: str) -> Iterator[_Asked]:
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            yield from (_Asked(alias.name, "*") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            yield from (_Asked(module, alias.name) for alias in node.names)


class _Module:
    """A parsed file: its top-level statements without docstrings, one for each imported name."""

    def __init__(self, tree: ast.Module) -> None:
        lazy = any(isinstance(line, ast.FunctionDef) and line.name == "__getattr__" for line in tree.body)
        self.statements: list[ast.stmt] = _Essence(lazy=lazy).of(tree.body)
        self.meanings = [ast.dump(statement) for statement in self.statements]
        self.bound: dict[str, list[int]] = {}
        self.running: list[int] = []  # what runs on import, and could do anything with what it names
        for index, statement in enumerate(self.statements):
            names = set(_bound(statement))
            for each in names:
                self.bound.setdefault(each, []).append(index)
            if not names - {"*"}:
                self.running.append(index)

    def reach(self, name: str) -> set[int]:
        """The statements that ``name`` can reach through the names they use."""
        if name == "*":
            return set(range(len(self.statements)))
        kept, seen = set(self.running), set[str]()
        wanted = [each for index in kept for each in self._names_in(index)]
        if name:
            wanted.append(name if name in self.bound else "__getattr__")
        while wanted:
            current = wanted.pop()
            if current not in seen:
                seen.add(current)
                found = set(self.bound.get(current, ())) - kept
                kept |= found
                wanted += [each for index in found for each in self._names_in(index)]
        return kept

    def _names_in(self, index: int) -> list[str]:
        return [node.id for node in ast.walk(self.statements[index]) if isinstance(node, ast.Name)]


class _Essence:
    """Leaves out docstrings and what only type checkers see, and parts an import of many names.

    In a ``lazy`` module, one with a ``__getattr__``, the imports for type checkers say where its names are from.
    """

    def __init__(self, *, lazy: bool) -> None:
        self.lazy = lazy

    def of(self, statements: Iterable[ast.stmt]) -> list[ast.stmt]:
        """Those statements, and the ones inside of them; no expression holds a statement."""
        return [each for statement in statements for each in self._essence(statement)]

    def _essence(self, statement: ast.stmt) -> list[ast.stmt]:
        if isinstance(statement, ast.Expr):
            value = statement.value
            return [] if isinstance(value, ast.Constant) and isinstance(value.value, str) else [statement]
        if isinstance(statement, ast.Import):
            return [ast.Import([alias]) for alias in statement.names]
        if isinstance(statement, ast.ImportFrom):
            return [ast.ImportFrom(statement.module, [alias], statement.level) for alias in statement.names]
        for inner in (statement, *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            for field in ("body", "orelse", "finalbody"):
                if held := getattr(inner, field, None):
                    setattr(inner, field, self.of(held))
        if isinstance(statement, ast.If) and _for_type_checkers(statement.test):
            return statement.body if self.lazy else statement.orelse
        return [statement]


def _for_type_checkers(test: ast.expr) -> bool:
    if isinstance(test, ast.Attribute):
        return test.attr == "TYPE_CHECKING" and isinstance(test.value, ast.Name) and test.value.id == "typing"
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names a top-level statement gives a meaning to."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield (alias.asname or alias.name).split(".")[0]
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _parsed(path: Path) -> _Module:
    return _parse(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2048)
def _parse(path: Path, modified: int) -> _Module:
    """The file's content; a file that is not valid Python, which cannot be what is measured, stands for its bytes."""
    content = path.read_bytes()
    try:
        return _Module(ast.parse(content))
    except (SyntaxError, ValueError):
        return _Module(ast.Module(body=[ast.Expr(ast.Constant(content))], type_ignores=[]))


def root() -> Path:
    """The folder of netopsy's own code."""
    return Path(netopsy.__file__).parent
