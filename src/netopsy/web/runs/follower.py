"""The index follows the papers beside a page, in another process, so that no visitor waits for it."""

from __future__ import annotations

import logging
import threading

from netopsy.feed import Feed

_LOG = logging.getLogger("netopsy.web")
SECONDS = 60.0
"""Between two looks at what has come in."""
PORTION = 2_000
"""Papers that are read for their meaning before what has come in meanwhile is found by its words."""


def follow(feed: Feed, over: threading.Event) -> None:
    """Bring the index to where the database is, now and every minute, until ``over`` is set."""
    while not over.is_set():
        try:
            state = feed.follow(encode=0)  # by words all are found at once
            before = -1
            while before < state.understood and not over.is_set():
                before, state = state.understood, feed.follow(encode=PORTION)
        except Exception as error:  # whoever searches is told
            _LOG.error("the index waits: %s", type(error).__name__)
        over.wait(SECONDS)
