"""The lists of the page: a day, a week, a month, what is trending, what got the most votes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, func, select

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.texts import plain
from netopsy.feed import schema
from netopsy.feed.calendar import day_after, day_of, instant_of, month_range, week_of, week_range, zone_named
from netopsy.feed.database import site_zone
from netopsy.feed.identifiers import identified
from netopsy.feed.known import parts
from netopsy.feed.ranking import hot, trend_at

Period = Literal["week", "month"]
MANY = 500
"""Numbers a question to the database."""


@dataclass(frozen=True)
class Entry:
    """A paper as lists show it."""

    id: str
    title: str
    authors: tuple[str, ...]
    abstract: str
    keywords: tuple[str, ...]
    categories: tuple[str, ...]
    published: date | None
    version: int
    slug: str | None
    """Of the catalogue, where it is in it."""
    day: date | None
    """On which it is shown."""
    votes: int
    trending: float
    hot: float
    sources: dict[str, int | None] = field(default_factory=dict)
    """Who lists it, with the votes that it has there."""

    @property
    def url(self) -> str:
        """Where it can be read."""
        return identified(self.id).url

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        own = {name: getattr(self, name) for name in ("id", "title", "abstract", "version", "slug", "votes", "sources")}
        own |= {name: list(getattr(self, name)) for name in ("authors", "keywords", "categories")}
        own |= {
            name: None if (day := getattr(self, name)) is None else day.isoformat() for name in ("published", "day")
        }
        return own | {"url": self.url, "trending": round(self.trending, 6), "hot": round(self.hot, 6)}


def _votes() -> Any:
    """How many of a paper are counted."""
    vote = schema.vote.c
    return select(func.count()).where(vote.paper == schema.paper.c.id, vote.counted.is_(True)).scalar_subquery()


_SHOWN = schema.paper.c.hidden.is_(False)
_OF_DAYS = (
    select(schema.paper.c.id)
    .join(schema.featured)
    .where(schema.featured.c.day >= bindparam("start"), schema.featured.c.day < bindparam("end"), _SHOWN)
    .order_by(schema.featured.c.day.desc(), _votes().desc(), schema.paper.c.id)
)
_LATEST = (
    select(func.max(schema.featured.c.day))
    .join(schema.paper)
    .where(schema.featured.c.day <= bindparam("at_most"), _SHOWN)
)
_PAPERS = (
    select(schema.paper, schema.featured.c.day, _votes().label("votes"))
    .outerjoin(schema.featured)
    .where(_SHOWN, schema.paper.c.id.in_(bindparam("ids", expanding=True)))
)
_SAID = (
    select(schema.listing.c.paper, schema.listing.c.source, schema.listing.c.upvotes)
    .where(schema.listing.c.paper.in_(bindparam("ids", expanding=True)))
    .order_by(schema.listing.c.source)
)


def of_days(connection: Connection, start: date, end: date, now: datetime) -> list[Entry]:
    """The papers of the days from ``start`` to before ``end``: newest day first, then by votes, then by name."""
    return entries(connection, list(connection.scalars(_OF_DAYS, {"start": start, "end": end})), now)


def latest_day(connection: Connection, at_most: date) -> date | None:
    """The last day that has papers, up to ``at_most``."""
    found: date | None = connection.scalar(_LATEST, {"at_most": at_most})
    return found


def today(connection: Connection, now: datetime) -> tuple[date, list[Entry]]:
    """The papers of today, or those of the latest day that has any."""
    day = day_of(now, zone_named(site_zone(connection)))
    shown = latest_day(connection, day) or day
    return shown, of_days(connection, shown, day_after(shown), now)


def week(connection: Connection, name: str, now: datetime) -> list[Entry]:
    """The papers of an ISO week such as ``2026-W48``."""
    return of_days(connection, *week_range(name), now)


def month(connection: Connection, name: str, now: datetime) -> list[Entry]:
    """The papers of a month such as ``2026-11``."""
    return of_days(connection, *month_range(name), now)


def trending(connection: Connection, now: datetime, limit: int = 50) -> list[Entry]:
    """What is talked about most at the moment; without any votes, the newest first."""
    check_limit(limit)
    query = (
        _shown()
        .outerjoin(schema.featured)
        .order_by(
            schema.paper.c.trend.desc().nulls_last(), schema.featured.c.day.desc().nulls_last(), schema.paper.c.id
        )
        .limit(limit)
    )
    return entries(connection, list(connection.scalars(query)), now)


def top(connection: Connection, period: Period, now: datetime, limit: int = 50) -> list[Entry]:
    """What got the most votes in this week or month, among papers that got any; ties: newer day first, then by name."""
    lookup("period", period, {"week": 1, "month": 1})
    check_limit(limit)
    zone = zone_named(site_zone(connection))
    day = day_of(now, zone)
    days = week_range(week_of(day)) if period == "week" else month_range(f"{day:%Y-%m}")
    start, end = (instant_of(each, 0, 0, zone) for each in days)
    cast = func.count(schema.vote.c.account)
    query = (
        _shown()
        .join(schema.vote)
        .outerjoin(schema.featured)
        .where(schema.vote.c.at >= start, schema.vote.c.at < end, schema.vote.c.counted.is_(True))
        .group_by(schema.paper.c.id, schema.featured.c.day)
        .order_by(cast.desc(), _newest(), schema.paper.c.id)
        .limit(limit)
    )
    return entries(connection, list(connection.scalars(query)), now)


def entry(connection: Connection, name: str, now: datetime) -> Entry:
    """The paper of that slug, arXiv number, DOI or address.

    Raises:
        InputError: it is not in the feed.
    """
    by_slug = connection.scalar(_shown().where(schema.paper.c.slug == plain(name).strip().casefold()))
    if by_slug is not None:
        return entries(connection, [by_slug], now)[0]
    key = identified(name).key
    query = _shown().join(schema.paper_alias).where(schema.paper_alias.c.alias == key)
    found = entries(connection, list(connection.scalars(query)), now)
    if not found:
        raise InputError(f"{key} is not in the feed")
    return found[0]


def entries(connection: Connection, ids: Sequence[str], now: datetime) -> list[Entry]:
    """The papers of those keys, in their order."""
    rows: dict[str, Any] = {}
    sources: dict[str, dict[str, int | None]] = {}
    zone = zone_named(site_zone(connection))
    for some in _some(ids):
        rows |= {row.id: row for row in connection.execute(_PAPERS, {"ids": some})}
        for key, source, upvotes in connection.execute(_SAID, {"ids": some}):
            sources.setdefault(key, {})[source] = upvotes
    ages = {day: _age(day, now, zone) for day in {row.day for row in rows.values()}}
    return [
        Entry(
            id=key,
            title=row.title,
            authors=parts(row.authors),
            abstract=row.abstract,
            keywords=parts(row.keywords),
            categories=parts(row.categories),
            published=row.published,
            version=row.version,
            slug=row.slug,
            day=row.day,
            votes=row.votes,
            trending=trend_at(row.trend, now),
            hot=hot(row.votes, ages[row.day]),
            sources=sources.get(key, {}),
        )
        for key in ids
        if (row := rows.get(key)) is not None
    ]


def check_limit(limit: int) -> None:
    """Raise `InputError` unless it is a number of papers that can be asked for."""
    fine = isinstance(limit, int) and not isinstance(limit, bool) and 1 <= limit <= 10_000
    require(fine, f"limit must be a whole number from 1 to 10,000, got {limit!r}")


def _shown() -> Select[Any]:
    return select(schema.paper.c.id).where(schema.paper.c.hidden.is_(False))


def _newest() -> Any:
    return schema.featured.c.day.desc().nulls_last()


def _some(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + MANY] for start in range(0, len(ids), MANY))


def _age(day: date | None, now: datetime, zone: Any) -> float:
    if day is None:
        return 0.0
    try:
        start = instant_of(day, 0, 0, zone)
    except OverflowError:  # the first or last day that there is, which is outside of UTC
        start = datetime.combine(day, time(), UTC)
    return max(0.0, (now - start).total_seconds() / 3600)
