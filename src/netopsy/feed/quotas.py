"""How often somebody may do a thing on one day, counted in the database, so that all processes count together."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from netopsy.feed import schema
from netopsy.feed.calendar import aware


def take(connection: Connection, who: str, what: str, most: int, now: datetime) -> bool:
    """Count one more of ``what`` for ``who`` on this day in UTC; ``False``, and nothing counted, where ``most`` are.

    The connection writes (see `netopsy.feed.database.writing`); ``who`` is a keyed hash, never an address.
    """
    table, day = schema.quota, _day(now)
    own = (table.c.who == who) & (table.c.what == what) & (table.c.day == day)
    count = connection.scalar(select(table.c["count"]).where(own))
    if count is None:
        if most < 1:
            return False
        connection.execute(insert(table).values({"who": who, "what": what, "day": day, "count": 1}))
        return True
    if count >= most:
        return False
    connection.execute(update(table).where(own).values({"count": count + 1}))
    return True


def forget_before(connection: Connection, now: datetime, days: int = 2) -> int:
    """Drop the counts of days that are over; how many."""
    return connection.execute(
        delete(schema.quota).where(schema.quota.c.day < _day(now) - timedelta(days=days))
    ).rowcount


def _day(now: datetime) -> date:
    return aware(now).astimezone(UTC).date()
