"""What time brings, beside the pages: letters go out and old runs go while the page is served."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from netopsy.core.errors import InputError
from netopsy.feed import Feed
from netopsy.feed.mail.transport import transport_at
from netopsy.feed.settings import Settings
from netopsy.web.runs.expiry import expire, runs_folder

if TYPE_CHECKING:
    from netopsy.feed.mail.outbox import Sending

_LOG = logging.getLogger("netopsy.web")
MOST, PORTION = 500, 20
"""Letters that are sent in one go, and before a look whether it is over."""
GRACE = 1.5
"""Seconds that it has to end."""


class Ticker(threading.Thread):
    """Calls `netopsy.feed.tick.tick` every so many seconds, until it is stopped; what goes wrong is tried again then.

    Raises:
        InputError: a way for letters that is none.
    """

    def __init__(
        self, feed: Feed, settings: Settings, *, now: Callable[[], datetime], seconds: float = 60.0, later: float = 0.0
    ) -> None:
        super().__init__(name="tick", daemon=True)
        self.feed, self.settings, self.now, self.seconds, self.later = feed, settings, now, seconds, later
        self.transport = transport_at(settings)
        self._over = threading.Event()

    def run(self) -> None:
        """Wait for ``later`` seconds; tick, wait, and so on."""
        self._over.wait(self.later)
        from netopsy.feed.tick import tick

        while not self._over.is_set():
            try:
                moment = self.now()
                expire(self.feed.engine, runs_folder(self.feed.engine, self.settings), now=moment)
                self._go_on(tick(self.feed, self.settings, self.transport, now=moment, limit=PORTION).sending)
            except InputError as error:
                _LOG.error("letters wait: %s", error)
            except Exception as error:
                _LOG.error("letters wait: %s", type(error).__name__)
            self._over.wait(self.seconds)

    def _go_on(self, sending: Sending) -> None:
        """Send more of what is due, so few at once that the end need not wait."""
        from netopsy.feed.mail.outbox import send_due

        left = MOST - PORTION
        while left > 0 and sending.sent and not sending.trouble and not self._over.is_set():
            there = self.feed.engine, self.settings, self.transport
            sending, left = send_due(*there, now=self.now(), limit=PORTION, owner="tick"), left - PORTION
        if sending.trouble:
            _LOG.warning("letters wait: %s", sending.trouble)

    def stop(self) -> None:
        """Let it end with the letters that it holds; one that a server does not take is left as uncertain."""
        self._over.set()
        self.join(GRACE)
        if not self.is_alive():
            self.transport.close()
