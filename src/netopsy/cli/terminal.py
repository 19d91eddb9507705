"""What the command says, and what the terminal or file it says it to can do about it."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from netopsy.core.texts import plain_lines

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What the system says where that which is printed cannot be written."""


def say(message: object, *, err: bool = False) -> None:
    """Print a message, whatever names from outside are in it, on standard output or standard error."""
    typer.echo(plain_lines(str(message)), err=err)


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


class _Kept(io.TextIOWrapper):
    """A stream that those who did not open it cannot close."""

    def close(self) -> None:
        self.flush()

    def end(self) -> None:
        """Close it indeed; what cannot be written is dropped."""
        with suppress(OSError, ValueError):
            super().close()


@contextmanager
def own_streams() -> Iterator[None]:
    """Print through duplicates of standard output and standard error, which the code of others cannot close."""
    before, made = (sys.stdout, sys.stderr), []
    for name, stream in zip(("stdout", "stderr"), before, strict=True):
        with suppress(AttributeError, ValueError, OSError):  # no stream of the system's
            raw = open(os.dup(stream.fileno()), "wb")  # noqa: SIM115 - closed at the end
            kept = _Kept(raw, stream.encoding, "backslashreplace", line_buffering=bool(stream.line_buffering))
            stream.flush()
            setattr(sys, name, kept)
            made.append(kept)
    try:
        with kept_streams():
            yield
    finally:
        sys.stdout, sys.stderr = before
        for kept in made:
            kept.end()


@contextmanager
def kept_streams() -> Iterator[None]:
    """Put standard output and standard error back at the end of the block, whatever it has made of them."""
    before = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def flush() -> None:
    """Write out what was printed; raises `OSError` where that cannot be done, rather than while Python ends."""
    sys.stdout.flush()


def silence() -> None:
    """Nobody takes what is printed: drop it, so that ending does not fail over it."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def warnings_as_notes(quiet: bool) -> Iterator[None]:
    """Warnings that were meant for the caller, each told once and in one line when the work is over."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", category=UserWarning)
        warnings.filterwarnings("ignore", module=r"(torch|lightning_fabric|matplotlib|scipy|sklearn|numpy)\b")
        warnings.filterwarnings("ignore", message=r"Glyph \d+")  # a letter that a drawing's font has not
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        if not quiet:
            say(f"note: {' '.join(text.split())}", err=True)
