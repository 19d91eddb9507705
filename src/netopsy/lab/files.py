"""Writing that either happens whole or not at all, and one process at a time in a folder."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from netopsy.core.errors import InputError
from netopsy.lab.errors import StorageError

LOCK = "lock"

LARGEST_SVG = 150_000
"""How many bytes of a figure a page has room for."""

TEMPORARY = ".part"
"""The ending of a file that is still being written; one that was left behind means nothing."""


def write(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``: written beside it, flushed to the disk, then moved into place in one step.

    Raises `StorageError`, with the half-written file removed, when the disk is full or the folder cannot be written to.
    """
    unfinished: str | None = None
    try:
        handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY, dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, path)
    except BaseException as error:
        if unfinished is not None:
            with suppress(OSError):
                os.unlink(unfinished)
        if isinstance(error, OSError):
            raise StorageError(
                error.errno,
                f"cannot write {path.name} in {path.parent}: {error.strerror}; what was stored before is unharmed",
            ) from error
        raise


def write_json(path: Path, value: Any) -> None:
    """Write strictly valid JSON, indented for people."""
    write(path, (json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode())


def make_folder(path: Path) -> None:
    """Make a folder and those above it; raises `StorageError` if that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(error.errno, f"cannot make the folder {path}: {error.strerror}") from error


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process was writing."""
    for left in folder.glob(f".*{TEMPORARY}"):
        left.unlink(missing_ok=True)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep a second process out of ``folder`` during the block. The system lets go of the lock however we end."""
    try:
        import fcntl
    except ImportError:  # a system without advisory locks
        yield
        return
    with open(folder / LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another process is at work in {folder}: wait for it, or give another folder") from None
        yield
