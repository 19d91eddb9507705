"""What is wrong with a feed's settings, its database, its index and its way for letters: one sentence each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select

from netopsy.core.errors import InputError
from netopsy.feed import schema
from netopsy.feed.calendar import zone_named
from netopsy.feed.feed import Feed
from netopsy.feed.mail.transport import transport_at
from netopsy.feed.mail.verp import domain_of
from netopsy.feed.settings import LOOPBACK, Settings


def troubles_of_settings(settings: Settings) -> Iterator[str]:
    """What keeps letters from going out, and pages from being reached, found by trying; no letter is sent."""
    yield from _told(settings.secret)
    yield from _told(lambda: _try_letters(settings))
    host = urlsplit(settings.base_url).hostname
    if settings.base_url.startswith("http://") and host not in LOOPBACK:
        yield f"base_url {settings.base_url} is not encrypted, so who signs in there can be overheard; use https"
    if not settings.mail and not settings.local:
        yield f"visitors reach {settings.base_url}, but mail names no server, so their letters stay in a folder"
    if settings.mail.partition(":")[0] in ("smtp", "smtps") and domain_of(settings) == "localhost":
        yield "sender must have an address of your own where letters go to a server, and is one at localhost"
    if settings.runs:
        yield from _told(lambda: _try_folder("runs", Path(settings.runs).expanduser()))


def troubles_of(feed: Feed) -> Iterator[str]:
    """What is wrong with a feed that can be opened."""
    yield from _told(lambda: _try_folder("the index of search", feed.index.folder))
    person = schema.subscriber.c
    with feed.engine.connect() as connection:
        zones = list(connection.scalars(select(person.zone).where(person.state == "active").distinct()))
        for zone in sorted(zones):
            for each in _told(partial(zone_named, zone)):
                yield f"some subscribers cannot get digests: {each}"


def _told(tried: Callable[[], object]) -> Iterator[str]:
    try:
        tried()
    except InputError as error:
        yield str(error)


def _try_letters(settings: Settings) -> None:
    with closing(transport_at(settings, timeout=10.0)) as way:
        why = way.trouble()
    if why:
        raise InputError(f"letters cannot go out by mail: {why}")


def _try_folder(name: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f".check-{os.getpid()}"
        file.write_bytes(b"\n")
        file.unlink()
    except OSError as error:
        raise InputError(f"{name} cannot be written at {str(folder)!r}: {error.strerror}") from None
