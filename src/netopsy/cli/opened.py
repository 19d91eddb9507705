"""The feed of whoever calls, opened as their settings have it; one sentence where its database does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from netopsy.core.errors import InputError

if TYPE_CHECKING:
    from netopsy.feed import Feed
    from netopsy.feed.settings import Settings


@contextmanager
def opened() -> Iterator[tuple[Feed, Settings]]:
    """The feed and the settings (see `netopsy.feed.settings`)."""
    from netopsy.feed import Feed

    open_feed = Feed.open  # says so where the extra is missing
    from sqlalchemy.exc import DBAPIError

    from netopsy.feed.settings import settings

    found = settings()
    try:
        with closing(open_feed(found.database or None)) as feed:
            yield feed, found
    except DBAPIError as error:
        raise InputError(f"the feed's database does not answer: {error.orig}") from None
