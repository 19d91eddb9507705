"""Code that others wrote and netopsy runs: what it raises to end the process ends only its own work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netopsy.core.errors import InputError


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn what ends a process into an `InputError`: `SystemExit`, and whatever else is neither `Exception` nor Ctrl-C.

    >>> with contained("the network"):
    ...     raise SystemExit(0)
    Traceback (most recent call last):
    netopsy.core.errors.InputError: the network raised SystemExit: 0, which is meant to end the whole process
    """
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        said = f": {error}" if str(error) else ""
        kind = type(error).__name__
        raise InputError(f"{what} raised {kind}{said}, which is meant to end the whole process") from error
