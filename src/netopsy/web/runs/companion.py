"""The process of workers beside a page: started with it, started again when it dies, ended with it."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

_LOG = logging.getLogger("netopsy.web")
GRACE = 15.0
"""Seconds that it has to give its runs back."""
LONGEST = 60.0
"""The most seconds between two starts of one that dies at once."""


@contextmanager
def companion(command: Sequence[str], around: Mapping[str, str], pause: float = 1.0) -> Iterator[None]:
    """Keep a process at work beside this one.

    Args:
        pause: seconds before it is started again, which double with every one that did not live that long.
    """
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(command, around, pause, over), name="companion")
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(command: Sequence[str], around: Mapping[str, str], pause: float, over: threading.Event) -> None:
    wait = pause
    while not over.is_set():
        begun = time.monotonic()
        try:
            process = subprocess.Popen(command, env=around, stdin=subprocess.DEVNULL, start_new_session=True)
        except OSError as error:  # no process to be had now
            _LOG.error("the worker cannot be started: %s", error.strerror)
        else:
            while process.poll() is None and not over.wait(0.2):
                pass
            if over.is_set():
                _end(process)
                return
            _LOG.error("the worker ended with %d and is started again", process.returncode)
        wait = pause if time.monotonic() - begun > LONGEST else min(2 * wait, LONGEST)
        over.wait(wait)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
