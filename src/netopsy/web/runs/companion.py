"""The processes beside a page: started with it, started again when they die, ended with it, all at once."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

_LOG = logging.getLogger("netopsy.web")
GRACE = 1.4
"""Seconds that one has to end by itself."""
LOOK = 0.1
"""Seconds between two looks whether it is there."""
LONGEST = 60.0
"""The most seconds between two starts of one that dies at once."""


@dataclass(frozen=True)
class Companion:
    """A program to be kept at work."""

    what: str
    """In the log."""
    command: Sequence[str]
    descriptors: tuple[int, ...] = ()
    """Open files that it is handed."""
    later: float = 0.0
    """Seconds after which it begins, so that whoever waits for something else does not wait for it, too."""


@contextmanager
def companions(
    several: Sequence[Companion], around: Mapping[str, str], over: threading.Event, pause: float = 1.0
) -> Iterator[None]:
    """Keep programs at work beside this process.

    Args:
        over: is set where they are to end; at the end of the block it is.
        pause: seconds before one is started again, which double with every one that did not live that long.
    """
    keepers = [threading.Thread(target=_keep, args=(each, around, pause, over), name=each.what) for each in several]
    for each in keepers:
        each.start()
    try:
        yield
    finally:
        over.set()
        for each in keepers:
            each.join()


def _keep(one: Companion, around: Mapping[str, str], pause: float, over: threading.Event) -> None:
    wait = pause
    over.wait(one.later)
    while not over.is_set():
        begun = time.monotonic()
        try:
            process = subprocess.Popen(
                one.command, env=around, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=one.descriptors
            )
        except OSError as error:  # no process to be had now
            _LOG.error("%s cannot be started: %s", one.what, error.strerror)
        else:
            while process.poll() is None and not over.wait(LOOK):
                pass
            if over.is_set():
                _end(process)
                return
            _LOG.error("%s ended with %d and is started again", one.what, process.returncode)
        wait = pause if time.monotonic() - begun > LONGEST else min(2 * wait, LONGEST)
        over.wait(wait)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
