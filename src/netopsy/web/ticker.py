"""What time brings, beside the pages: letters go out and old runs go while the page is served."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from netopsy.core.errors import InputError
from netopsy.feed import Feed
from netopsy.feed.mail.transport import transport_at
from netopsy.feed.settings import Settings
from netopsy.feed.tick import tick
from netopsy.web.runs.expiry import expire, runs_folder

_LOG = logging.getLogger("netopsy.web")


class Ticker(threading.Thread):
    """Calls `netopsy.feed.tick.tick` every so many seconds, until it is stopped; what goes wrong is tried again then.

    Raises:
        InputError: a way for letters that is none.
    """

    def __init__(self, feed: Feed, settings: Settings, *, now: Callable[[], datetime], seconds: float = 60.0) -> None:
        super().__init__(name="tick", daemon=True)
        self.feed, self.settings, self.now, self.seconds = feed, settings, now, seconds
        self.transport = transport_at(settings)
        self._over = threading.Event()

    def run(self) -> None:
        """Tick, wait, and so on."""
        while not self._over.is_set():
            try:
                moment = self.now()
                expire(self.feed.engine, runs_folder(self.feed.engine, self.settings), now=moment)
                found = tick(self.feed, self.settings, self.transport, now=moment)
                if found.sending.trouble:
                    _LOG.warning("letters wait: %s", found.sending.trouble)
            except InputError as error:
                _LOG.error("letters wait: %s", error)
            except Exception as error:
                _LOG.error("letters wait: %s", type(error).__name__)
            self._over.wait(self.seconds)

    def stop(self) -> None:
        """Let it end, with the letters that it holds."""
        self._over.set()
        self.join(timeout=30)
        self.transport.close()
