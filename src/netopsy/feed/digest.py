"""Digests that are due: which papers, for which day or week, planned once each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, or_, select, update

from netopsy.core.errors import InputError, require
from netopsy.feed import lists, schema
from netopsy.feed.calendar import aware, day_of, instant_of, last_digest, next_digest, week_of, zone_named
from netopsy.feed.database import site_zone, writing
from netopsy.feed.lists import Entry
from netopsy.feed.mail.plan import plan
from netopsy.feed.mail.verp import domain_of
from netopsy.feed.search.index import SearchIndex
from netopsy.feed.settings import Settings
from netopsy.feed.taste import Taste
from netopsy.feed.wishes import Wishes, read_wishes

MOST = {"daily": 20, "weekly": 40}
"""Papers in a digest."""
BACK = timedelta(14)
"""How far before today one looks for papers that no digest carried, and that came late or while nothing was sent."""
APART = timedelta(hours=20)
"""The least time between two digests to one subscriber, by when they fell due."""
LATE = timedelta(hours=12)
"""A daily digest that falls this far behind is joined to the next."""
QUIET = timedelta(7)
"""Without any paper a daily letter comes this long after the last."""
AHEAD = timedelta(9)
"""No digest falls due later than this, unless the clock was wrong when that was written down."""


def plan_due(engine: Engine, settings: Settings, index: SearchIndex | None, *, now: datetime, limit: int = 1000) -> int:
    """Plan the digests that have fallen due, of at most ``limit`` subscribers; how many were planned.

    Each is one transaction with its papers and with when the next falls due, so that two planners at once, or one that
    is killed, plan nothing twice and lose nothing; one that cannot be planned is put off for a day. A paper goes to a
    subscriber once. Digests missed in an outage are one; of a daily one that is 12 hours late the papers are in the
    next. Nothing new: a weekly digest says so, a daily one does a week after the last letter, and is silent until then.

    Raises:
        InputError: a naive ``now`` or a limit that is none.
    """
    moment, table = aware(now), schema.subscriber
    require(limit >= 1, f"limit must be at least 1, got {limit}")
    due = (table.c.state == "active") & or_(table.c.next_due <= moment, table.c.next_due > moment + AHEAD)
    with engine.connect() as connection:
        query = select(table.c.id).where(due).order_by(table.c.next_due, table.c.id).limit(limit)
        names = list(connection.scalars(query))
    planner, count = _Planner(settings, index, moment), 0
    for name in names:
        try:
            with writing(engine) as connection:
                row = connection.execute(select(table).where(table.c.id == name, due)).one_or_none()
                if row is not None:
                    count += planner.plan(connection, row)
        except InputError:  # such as a zone that this machine does not know: the others get theirs
            with writing(engine) as connection:
                connection.execute(update(table).where(table.c.id == name).values(next_due=moment + timedelta(1)))
    return count


@dataclass(frozen=True)
class _Pool:
    """The papers of the last days, hidden ones left out, as of a state of the database."""

    seq: int
    today: date
    papers: tuple[tuple[Entry, int], ...]
    """With the number of the last change of each."""


@dataclass(frozen=True)
class _Last:
    """What is known of the digest before."""

    due: datetime
    planned: datetime
    day: date
    """The site's, until which it had papers."""
    seq: int


class _Planner:
    """Plans for many subscribers; papers are read once as long as none changes."""

    def __init__(self, settings: Settings, index: SearchIndex | None, now: datetime) -> None:
        self.domain, self.now = domain_of(settings), now
        self.taste = Taste(index)
        self._read: _Pool | None = None

    def plan(self, connection: Connection, row: Any) -> bool:
        """Plan what is due to that subscriber, and when the next is; whether there is a letter."""
        zone, weekday = zone_named(row.zone), row.weekday if row.kind == "weekly" else None
        day = last_digest(self.now, zone, hour=row.hour, weekday=weekday)
        due = instant_of(day, row.hour, 0, zone)
        following = next_digest(self.now, zone, hour=row.hour, weekday=weekday)
        table = schema.subscriber
        connection.execute(update(table).where(table.c.id == row.id).values(next_due=following))
        last = _last(connection, row.id, self.now)
        if (last is not None and due - last.due < APART) or (weekday is None and self.now - due >= LATE):
            return False
        pool, wanted = self._pool(connection), read_wishes(row.interests)
        found = self._found(connection, row, pool, last, wanted)
        if not found and weekday is None and self.now - (last.planned if last else row.confirmed) < QUIET:
            return False
        liked = self.taste.scores(wanted.papers, [each.id for each in found])
        shown = _ordered(found, wanted, liked)[: MOST[row.kind]]
        reasons = {each.id: wanted.reason(each, liked.get(each.id, 0.0)) for each in shown}
        week = week_of(day)
        payload = {
            "title": f"Papers of {day}" if weekday is None else f"Papers of week {week}",
            "note": _note(len(found), len(shown), first=last is None),
            "order": [each.id for each in shown],
            "why": {key: reason for key, reason in reasons.items() if reason},
            "due": due.isoformat(),
            "until": [pool.today.isoformat(), pool.seq],
        }
        name = plan(
            connection,
            "digest",
            who=row.id,
            period=day.isoformat() if weekday is None else week,
            payload=payload,
            now=self.now,
            domain=self.domain,
            subscriber=row.id,
        )
        if name is None:
            return False
        if shown:
            carried = [{"subscriber": row.id, "paper": each.id, "delivery": name} for each in shown]
            connection.execute(insert(schema.delivery_paper), carried)
        return True

    def _pool(self, connection: Connection) -> _Pool:
        seq = int(connection.scalar(select(schema.setting.c.value).where(schema.setting.c.name == "seq")) or 0)
        if self._read is None or self._read.seq != seq:
            today = day_of(self.now, zone_named(site_zone(connection)))
            entries = lists.of_days(connection, today - BACK, today + timedelta(1), self.now)
            query = select(schema.paper.c.id, schema.paper.c.seq).join(schema.featured)
            rows = connection.execute(query.where(schema.featured.c.day >= today - BACK))
            changes = {row.id: row.seq for row in rows}
            self._read = _Pool(seq, today, tuple((each, changes[each.id]) for each in entries))
        return self._read

    def _found(self, connection: Connection, row: Any, pool: _Pool, last: _Last | None, wanted: Wishes) -> list[Entry]:
        """The papers that are new to a subscriber, without those that are not wanted."""
        if last is None:
            end = lists.latest_day(connection, pool.today) or pool.today
            start = end if row.kind == "daily" else end - timedelta(6)
            new = lists.of_days(connection, start, end + timedelta(1), self.now)
        else:
            new = [each for each, seq in pool.papers if seq > last.seq or (each.day or date.min) > last.day]
        carried = schema.delivery_paper
        had = set(connection.scalars(select(carried.c.paper).where(carried.c.subscriber == row.id)))
        return [each for each in new if each.id not in had and not wanted.refuses(each)]


def _ordered(found: Sequence[Entry], wanted: Wishes, liked: Mapping[str, float]) -> list[Entry]:
    """Followed authors, then wanted words and rooms, then by what was liked, then by votes, days and names."""

    def place(entry: Entry) -> tuple[bool, bool, float, int, int, str]:
        day = (entry.day or date.min).toordinal()
        near = liked.get(entry.id, 0.0)
        return (wanted.followed(entry) is None, wanted.touched(entry) is None, -near, -entry.votes, -day, entry.id)

    return sorted(found, key=place)


def _last(connection: Connection, subscriber: str, now: datetime) -> _Last | None:
    """One that was planned while the clock was ahead tells nothing."""
    letter = schema.delivery
    own = (letter.c.subscriber == subscriber) & (letter.c.kind == "digest") & (letter.c.state != "failed")
    past = own & (letter.c.planned <= now + APART)
    query = select(letter.c.payload, letter.c.planned).where(past).order_by(letter.c.planned.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    said = json.loads(row.payload)
    day, seq = said["until"]
    return _Last(datetime.fromisoformat(said["due"]), row.planned, date.fromisoformat(day), int(seq))


def _note(found: int, shown: int, *, first: bool) -> str:
    if not found:
        return "Nothing new has come in since the last letter."
    more = f"and {found - shown} more on the page" if found > shown else ""
    begun = "The first of your digests: the latest papers that there are" if first else ""
    return "; ".join(filter(None, (begun, more)))
