"""The code version of a study: a hash of the sources its measurements depend on, and of nothing else.

Hashed are what `measure` uses of its own module (so changing the judge or the figure keeps the stored cells), the
packages of netopsy that the module imports, and the floors beneath them. Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

FLOORS = ("core", "data", "models", "training")
"""Packages every measurement may reach without importing them itself."""

INFRASTRUCTURE = {"lab", "catalogue", "studies", "cli", "web"}
"""Packages that run and show a study, and decide nothing about what is measured."""


def code_version(measure: Callable[..., Any]) -> str:
    """The version of the code behind ``measure``, the same on every machine with the same sources and Python."""
    source = Path(inspect.getsourcefile(measure) or "").read_text(encoding="utf-8")
    digest = hashlib.blake2b(digest_size=16)
    visited: set[Path] = set()
    _feed(digest, _reachable(ast.parse(source), measure.__qualname__), visited)
    return digest.hexdigest()


def _feed(digest: Any, tree: ast.Module, visited: set[Path]) -> None:
    digest.update(_meaning(tree).encode())
    packages, neighbours = _netopsy_imports(tree)
    for path in (*_package_files((*FLOORS, *packages)), *neighbours):
        if path not in visited:
            visited.add(path)
            neighbour = _parsed(path)
            if neighbour is None:
                digest.update(path.read_bytes())
            elif path in neighbours:
                _feed(digest, neighbour, visited)
            else:
                digest.update(_meaning(neighbour).encode())


def _parsed(path: Path) -> ast.Module | None:
    """The file's tree; ``None`` for a file that is not valid Python, which cannot be what is measured."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return None


def _meaning(tree: ast.Module) -> str:
    """The tree without docstrings and positions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [line for line in node.body if not _is_string(line)]
    return ast.dump(tree)


def _is_string(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)


def _reachable(tree: ast.Module, name: str) -> ast.Module:
    """The module reduced to the statements that the definition of ``name`` can reach through the names it uses."""
    binding: dict[str, list[ast.stmt]] = {}
    kept: list[ast.stmt] = []
    wanted, seen = [name.split(".")[0]], set[str]()
    for statement in tree.body:
        bound = set(_bound(statement))
        for each in bound:
            binding.setdefault(each, []).append(statement)
        if not bound:
            kept.append(statement)  # runs on import, and could do anything with what it names
            wanted += _names_in(statement)
    while wanted:
        current = wanted.pop()
        if current in seen:
            continue
        seen.add(current)
        for statement in binding.get(current, []):
            if statement not in kept:
                kept.append(statement)
                wanted += _names_in(statement)
    return ast.Module(body=[statement for statement in tree.body if statement in kept], type_ignores=[])


def _names_in(statement: ast.stmt) -> list[str]:
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]


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


def _netopsy_imports(tree: ast.Module) -> tuple[list[str], list[Path]]:
    """The packages of netopsy that a module imports, and the files of fellow study modules."""
    packages: set[str] = set()
    fellows: set[Path] = set()
    for dotted in sorted(set(_imported(tree))):
        parts = dotted.split(".")
        if parts[0] != "netopsy" or len(parts) < 2:
            continue
        if parts[1] == "studies":
            fellows.update(_module_file(dotted))
        elif parts[1] not in INFRASTRUCTURE:
            packages.add(parts[1])
    return sorted(packages), sorted(fellows)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


def _module_file(dotted: str) -> Iterator[Path]:
    path = _root().joinpath(*dotted.split(".")[1:]).with_suffix(".py")
    if path.is_file():
        yield path


def _package_files(packages: Iterable[str]) -> list[Path]:
    root = _root()
    found: set[Path] = set()
    for package in packages:
        found.update((root / package).rglob("*.py"))
        found.update(_module_file(f"netopsy.{package}"))
    return sorted(found)


def _root() -> Path:
    spec = importlib.util.find_spec("netopsy")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent
