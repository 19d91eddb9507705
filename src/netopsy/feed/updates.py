"""Asking the sources for what is new; one that does not answer leaves what is there standing, and is asked later."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import blake2b

from sqlalchemy import Engine

from netopsy.core.errors import lookup, require
from netopsy.core.progress import Task
from netopsy.feed import submissions
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.fetching import Endpoint, Fetcher, SourceError, answered, failed, state_of
from netopsy.feed.identifiers import PaperId
from netopsy.feed.records import Record
from netopsy.feed.sources import arxiv, feeds, huggingface
from netopsy.feed.sources.feeds import Listed
from netopsy.feed.store import Ingested, ingest

ARCHIVES = ("cs.LG", "cs.CV", "stat.ML")
SOURCES = ("arxiv", "arxiv-archive", "huggingface")
"""That are asked over the network; the last only where it is named: leave to reuse its list is not known."""

Bad = Callable[[str, str], object]


@dataclass(frozen=True)
class Update:
    """What asking one source brought."""

    source: str
    ingested: Ingested
    trouble: str | None = None
    """Why it brought nothing, or not all."""
    again: datetime | None = None
    """Not before when it is asked again."""


def update(
    engine: Engine,
    source: str,
    *,
    now: datetime,
    day: date,
    fetcher: Fetcher,
    bad: Bad,
    archives: Sequence[str] = ARCHIVES,
    force: bool = False,
) -> Update:
    """Ask a source for what is new; arXiv also for the papers that readers brought.

    Args:
        day: of Hugging Face's list; since when the archive changed, where it was not begun before.
        archives: of arXiv, such as ``cs.LG``; ``arxiv-archive`` goes through the archive that the first is a part of.
        force: even where it asked to be left alone for longer.

    Raises:
        InputError: there is no such source, or no archive of that name.
    """
    ask = lookup("source", source, {"arxiv": _announced, "arxiv-archive": _archive, "huggingface": _daily})
    for each in archives:
        require(each.replace(".", "").replace("-", "").isalnum(), f"an archive is written as cs.LG, got {each!r}")
    state = state_of(engine, source)
    free = state.get("next_try")
    if free is not None and free > aware(now) and not force:
        return Update(source, Ingested(), state.get("trouble") or "it asked to be left alone", free)
    total = Ingested()
    try:
        for part in ask(engine, fetcher, archives, day, now, bad):
            total += part
        if source == arxiv.NAME:
            total += brought(engine, now=now, fetcher=fetcher, bad=bad)
        else:
            with writing(engine) as connection:
                submissions.admit(connection)
    except SourceError as trouble:
        failed(engine, source, now, trouble)
        return Update(source, total, str(trouble), state_of(engine, source)["next_try"])
    return Update(source, total)


def by_number(engine: Engine, papers: Sequence[PaperId], *, now: datetime, fetcher: Fetcher, bad: Bad) -> Ingested:
    """Fetch papers by their arXiv numbers; raises `SourceError` where arXiv does not answer."""
    where = _endpoint(arxiv.API, arxiv.VARIABLE, arxiv.GAP, arxiv.NAME)
    return ingest(engine, arxiv.by_number(fetcher, where, papers, now, bad), now=now)


def brought(engine: Engine, *, now: datetime, fetcher: Fetcher, bad: Bad) -> Ingested:
    """Fetch the papers that readers brought, a hundred at most, and show them.

    Raises:
        SourceError: arXiv does not answer; they wait on.
    """
    with writing(engine) as connection:
        submissions.admit(connection)  # those that came in some other way
        asked = submissions.wanted(connection)
    if not asked:
        return Ingested()
    found = by_number(engine, asked, now=now, fetcher=fetcher, bad=bad)
    with writing(engine) as connection:
        submissions.admit(connection)
        submissions.give_up(connection, asked, now)
    return found


def from_feeds(
    engine: Engine,
    listed: Sequence[Listed],
    *,
    now: datetime,
    fetcher: Fetcher,
    bad: Bad,
    day: date | None = None,
) -> Ingested:
    """Ask feeds for what is new, one after the other; one that does not answer is told to ``bad``, the others come in.

    Args:
        day: list all of their papers on this day, also those of feeds of which nothing is newer.
    """
    total = Ingested()
    with Task("asking feeds", len(listed)) as task:
        for feed in listed:
            try:
                total += _feed(engine, feed, fetcher, now, day, bad)
            except SourceError as trouble:
                bad(feed.where, str(trouble))
            task.advance()
    return total


def _feed(engine: Engine, feed: Listed, fetcher: Fetcher, now: datetime, day: date | None, bad: Bad) -> Ingested:
    name = f"feed#{blake2b(feed.address.encode(), digest_size=12).hexdigest()}"
    state = state_of(engine, name)
    free = state.get("next_try")
    if free is not None and free > aware(now):
        raise SourceError(f"{state['trouble']}; not before {free:%Y-%m-%d %H:%M} UTC again")
    known = {"etag": state.get("etag") or "", "last-modified": state.get("last_modified") or ""}
    try:
        answer = fetcher.get(feed.endpoint, now, known={} if day else known)
        found = [] if answer is None else list(feeds.papers(feed, answer, now, bad))
    except SourceError as trouble:
        failed(engine, name, now, trouble)
        raise
    ingested = ingest(engine, [each if day is None else replace(each, day=day) for each in found], now=now)
    marks = {} if answer is None else answer.headers
    changes = {"etag": marks.get("etag"), "last_modified": marks.get("last-modified")} if marks else {}
    answered(engine, name, now, **changes)  # only now: what was not taken in is asked for again
    return ingested


def _announced(
    engine: Engine, fetcher: Fetcher, archives: Sequence[str], day: date, now: datetime, bad: Bad
) -> Iterator[Ingested]:
    where = _endpoint(arxiv.RSS, arxiv.VARIABLE, arxiv.GAP, arxiv.NAME)
    answer, records = arxiv.announced(fetcher, where, archives, state_of(engine, "arxiv"), now, bad)
    yield ingest(engine, records, now=now)
    marks = {} if answer is None else answer.headers
    changes = {"etag": marks.get("etag"), "last_modified": marks.get("last-modified")} if marks else {}
    answered(engine, "arxiv", now, **changes)


def _archive(
    engine: Engine, fetcher: Fetcher, archives: Sequence[str], day: date, now: datetime, bad: Bad
) -> Iterator[Ingested]:
    where = _endpoint(arxiv.OAI, arxiv.VARIABLE, arxiv.GAP, arxiv.NAME)
    token = state_of(engine, "arxiv-archive").get("cursor")
    archive = archives[0].partition(".")[0]
    try:
        for page, following in arxiv.harvested(fetcher, where, archive, day, token, now, bad):
            yield ingest(engine, page, now=now)
            answered(engine, "arxiv-archive", now, cursor=following)
    except arxiv.ForgottenPlaceError:
        answered(engine, "arxiv-archive", now, cursor=None)
        raise


def _daily(
    engine: Engine, fetcher: Fetcher, archives: Sequence[str], day: date, now: datetime, bad: Bad
) -> Iterator[Ingested]:
    where = _endpoint(huggingface.ENDPOINT, huggingface.VARIABLE)
    records: list[Record] = list(huggingface.read(fetcher, where, day, now, bad))
    yield ingest(engine, records, now=now)
    answered(engine, "huggingface", now)


def _endpoint(url: str, variable: str, gap: float = 0.0, shared: str = "") -> Endpoint:
    own = os.environ.get(variable)
    return Endpoint((own or url).rstrip("/"), own is not None, gap, shared)
