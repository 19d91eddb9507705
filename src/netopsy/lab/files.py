"""Writing that either happens whole or not at all, and one process at a time in a folder."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.core.files import TEMPORARY, replacing
from netopsy.lab.errors import StorageError

LOCK = "lock"


def write(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``: written beside it, flushed to the disk, then moved into place in one step.

    Raises `StorageError`, with the half-written file removed, when the disk is full or the folder cannot be written to.
    """
    try:
        with replacing(path) as unfinished:
            unfinished.write_bytes(content)
    except OSError as error:
        raise StorageError(
            error.errno,
            f"cannot write {path.name} in {path.parent}: {error.strerror}; what was stored before is unharmed",
        ) from error


def read_own(path: Path) -> bytes:
    """The bytes of a regular file; raises `OSError` for a link, a folder, or what would never end, such as a pipe."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read()


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
    """Remove what a killed process was writing; raises `InputError` for what no process of ours leaves."""
    for left in folder.glob(f".*{TEMPORARY}"):
        require(not left.is_dir() or left.is_symlink(), f"{left} is a folder in the place of an unfinished file")
        left.unlink(missing_ok=True)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep a second process out of ``folder`` during the block. The system lets go of the lock however we end."""
    try:
        import fcntl
    except ImportError:  # a system without advisory locks
        yield
        return
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise InputError(f"{folder / LOCK} cannot be used as a lock: {error.strerror}") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another process is at work in {folder}: wait for it, or give another folder") from None
        yield
    finally:
        os.close(lock)
