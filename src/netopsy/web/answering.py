"""A process that answers for the pages: the only one, or one of several that listen at one place.

``python -m netopsy.web.answering DESCRIPTOR PARENT`` is one of several; the environment tells it what pages.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import uvicorn

from netopsy.feed import Feed
from netopsy.web.early import Early

GRACE = 1
"""Seconds that an answer has which was begun before the end."""


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin; the socket has as long a queue as before, whatever is taken from it at once."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen()


def answer(app: Early, listening: socket.socket, over: threading.Event) -> None:
    """Answer what comes in at a socket until this process is interrupted or asked to end, which sets ``over``."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
        backlog=1,  # connections taken at once: those that come together are shared with other processes
    )
    server = _Server(config)

    def end(*_: object) -> None:
        over.set()
        app.site.closing.set()
        server.should_exit = True

    for kind in (signal.SIGTERM, signal.SIGINT):
        signal.signal(kind, end)
    server.should_exit = over.is_set()  # while all this was imported
    server.run(sockets=[listening])


def leave(feed: Feed) -> None:
    """End this process at once: what was loaded, or still is, takes longer to be taken apart than anybody waits."""
    feed.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main(descriptor: str, parent: str) -> None:
    """One of several."""
    from netopsy.feed.settings import settings
    from netopsy.web.runs.isolation import ends_with

    ends_with(int(parent))
    logging.basicConfig(format="netopsy: %(message)s", level=logging.WARNING)
    found = settings()
    feed = Feed.open(found.database or None)
    with closing(socket.socket(fileno=int(descriptor))) as listening:
        answer(Early(feed, found), listening, threading.Event())
    leave(feed)


if __name__ == "__main__":
    main(*sys.argv[1:])
