"""What the command says, and what the terminal or file it says it to can do about it."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

import typer

from netopsy.core.texts import plain

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What the system says where that which is printed cannot be written."""


def say(message: object, *, err: bool = False) -> None:
    """Print a message, whatever names from outside are in it, on standard output or standard error."""
    typer.echo("\n".join(plain(line) for line in str(message).split("\n")), err=err)


def complain(message: str) -> None:
    """One line on standard error; nothing where that cannot be written to either."""
    with suppress(OSError, ValueError):
        say(f"netopsy: {' '.join(message.split())}", err=True)


def prepare() -> None:
    """Let no letter that the terminal lacks, and no setting for figures in windows, end a command."""
    os.environ["MPLBACKEND"] = "agg"  # figures go into files
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def flush() -> None:
    """Write out what was printed; raises `OSError` where that cannot be done, rather than while Python ends."""
    sys.stdout.flush()


def silence() -> None:
    """Nobody takes what is printed: drop it, so that ending does not fail over it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
