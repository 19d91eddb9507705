"""Paths that a caller hands in; where netopsy keeps what it can always get again, and where it finds local copies."""

from __future__ import annotations

import os
from pathlib import Path

from netopsy.core.errors import InputError, require
from netopsy.core.texts import shortened


def path_from(given: object, what: str) -> Path:
    """What a caller gave as a path, with ``~`` for the home folder; nothing need be there.

    Args:
        what: what it is the path of, for the error: "graph file", "--out".

    Raises:
        InputError: no path, or one that the system cannot take: too long, a NUL in it, through a folder that is closed.

    >>> path_from("a/b.csv", "graph file").as_posix()
    'a/b.csv'
    """
    require(isinstance(given, str | os.PathLike), f"{what} must be given as a path, got {shortened(repr(given))}")
    try:
        text = os.fspath(given)  # type: ignore[call-overload]
        require(isinstance(text, str) and text, f"{what} must be given as a path, got {shortened(repr(given))}")
        path = Path(text).expanduser()
        path.exists()
        # Python answers False to what no file can be called.
        require("\0" not in text, f"{what} cannot have a NUL character in its path: {shortened(repr(text))}")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{what} {shortened(repr(str(text)))} cannot be looked at: {reason}") from None
    return path


def file_from(given: object, what: str) -> Path:
    """`path_from` for a file to read, which must be there and be no folder, pipe or device.

    Raises:
        InputError: as `path_from`, or there is no such file.
    """
    path = path_from(given, what)
    require(path.exists(), f"there is no {what} {str(path)!r}: it does not exist")
    require(path.is_file(), f"{what} {str(path)!r} must be a file, and is {kind_of(path)}")
    return path


def kind_of(path: Path) -> str:
    """What is at a path, in words."""
    if path.is_dir():
        return "a folder"
    if path.is_fifo():
        return "a pipe"
    return "a file" if path.is_file() else "no ordinary file"


def cache_folder() -> Path:
    """The folder for caches: ``NETOPSY_CACHE`` where it is set, otherwise the user's cache folder on this system.

    It is not created here; nothing in it is needed, everything in it saves time.
    """
    override = os.environ.get("NETOPSY_CACHE")
    if override:
        return Path(override).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("netopsy", appauthor=False))


def data_folder() -> Path | None:
    """The local copy of public data sets that ``NETOPSY_DATA`` names; nothing is fetched that is found there."""
    named = os.environ.get("NETOPSY_DATA")
    return Path(named).expanduser() if named else None
