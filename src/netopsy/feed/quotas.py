"""How often somebody may do a thing on one day, counted in the database, so that all processes count together."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from netopsy.feed import schema
from netopsy.feed.calendar import aware


def take(connection: Connection, who: str, what: str, most: int, now: datetime) -> bool:
    """Count one more of ``what`` for ``who`` on this day in UTC; ``False``, and nothing counted, where ``most`` are.

    The connection writes (see `netopsy.feed.database.writing`); ``who`` is a keyed hash, never an address.
    """
    table, own = schema.quota, _own(who, what, now)
    count = connection.scalar(select(table.c["count"]).where(own))
    if count is None:
        if most < 1:
            return False
        connection.execute(insert(table).values({"who": who, "what": what, "day": _day(now), "count": 1}))
        return True
    if count >= most:
        return False
    connection.execute(update(table).where(own).values({"count": count + 1}))
    return True


def take_another(connection: Connection, who: str, what: str, thing: str, most: int, now: datetime) -> bool:
    """Count ``thing``, a keyed hash, among the different ones of ``who`` on this day; ``False``, and nothing counted,
    where it would be one more than ``most``. The connection writes.
    """
    pair = hashlib.sha256(f"{who} {thing}".encode()).hexdigest()
    if connection.scalar(select(schema.quota.c["count"]).where(_own(pair, what, now))) is not None:
        return True
    return take(connection, who, what, most, now) and take(connection, pair, what, 1, now)


def forget_before(connection: Connection, now: datetime, days: int = 2) -> int:
    """Drop the counts of days that are over; how many."""
    return connection.execute(
        delete(schema.quota).where(schema.quota.c.day < _day(now) - timedelta(days=days))
    ).rowcount


def _own(who: str, what: str, now: datetime) -> ColumnElement[bool]:
    table = schema.quota.c
    return (table.who == who) & (table.what == what) & (table.day == _day(now))


def _day(now: datetime) -> date:
    return aware(now).astimezone(UTC).date()
