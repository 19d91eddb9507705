"""All that `netopsy serve` starts: pages, what falls due, and processes beside them; one signal ends all of it."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping

from netopsy.core.errors import require
from netopsy.feed import Feed
from netopsy.feed.calendar import clock
from netopsy.feed.settings import VARIABLES, Settings
from netopsy.web.runs.companion import Companion, companions
from netopsy.web.ticker import Ticker

HEAD_START = 1.5
"""Seconds in which the first page is made before anything else begins."""
NEEDED = ("fastapi", "uvicorn", "jinja2", "multipart")
"""What the pages import, beside what the feed does."""


def serve(
    feed: Feed, settings: Settings, listening: socket.socket, *, workers: int, slots: int, ready: Callable[[], object]
) -> None:
    """Answer what comes in at a socket until Ctrl-C or SIGTERM.

    What falls due is done in this process, runs and the index in one beside it. With more than one worker pages are
    answered by as many processes beside this one, which agree because all they know is in the database.

    Args:
        ready: is called when requests are going to be answered.

    Raises:
        InputError: something is not installed.
    """
    missing = [each for each in NEEDED if importlib.util.find_spec(each) is None]
    require(
        not missing,
        f"the page needs {', '.join(missing)}, which is not installed; pip install 'netopsy[web]' brings it",
    )
    over = threading.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, lambda *_: over.set())
    ticker = Ticker(feed, settings, now=clock, later=HEAD_START)
    around = os.environ | _told(settings)
    beside = [_runner(slots)]
    if workers > 1:
        beside += [_answering(listening) for _ in range(workers)]
        ready()
        _until(over, ticker, beside, around, over.wait)
        return
    from netopsy.web.answering import answer, leave
    from netopsy.web.early import Early

    app = Early(feed, settings)
    ready()
    _until(over, ticker, beside, around, lambda: answer(app, listening, over))
    leave(feed)


def _until(
    over: threading.Event,
    ticker: Ticker,
    beside: list[Companion],
    around: Mapping[str, str],
    done: Callable[[], object],
) -> None:
    ticker.start()
    try:
        with companions(beside, around, over):
            done()
    finally:
        ticker.stop()


def _runner(slots: int) -> Companion:
    """Carries out what visitors run, and lets the index follow."""
    command = [sys.executable, "-m", "netopsy", "worker", "--slots", str(slots), "--beside", str(os.getpid())]
    return Companion("the worker", command, later=HEAD_START)


def _answering(listening: socket.socket) -> Companion:
    descriptor = listening.fileno()
    command = [sys.executable, "-m", "netopsy.web.answering", str(descriptor), str(os.getpid())]
    return Companion("a process of pages", command, (descriptor,))


def _told(settings: Settings) -> dict[str, str]:
    """What the processes beside this one are to know as it does."""
    told = {name: getattr(settings, name) for name in ("database", "base_url", "token_file")}
    return {VARIABLES[name]: value for name, value in told.items() if value}
