"""Which days have papers: what calendars and "previous" and "next" are made of."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, bindparam, func, select

from netopsy.feed import schema

_DAY = schema.featured.c.day
_SHOWN = (
    select(_DAY, func.count())
    .join(schema.paper, schema.paper.c.id == schema.featured.c.paper)
    .where(bindparam("start") <= _DAY, bindparam("end") > _DAY, schema.paper.c.hidden.is_(False))
    .group_by(_DAY)
    .order_by(_DAY)
)
_EARLIEST = (
    select(func.min(_DAY)).join(schema.paper).where(bindparam("at_least") <= _DAY, schema.paper.c.hidden.is_(False))
)


def days_shown(connection: Connection, start: date, end: date) -> dict[date, int]:
    """The days from ``start`` to before ``end`` that have papers, each with their number."""
    return {day: int(count) for day, count in connection.execute(_SHOWN, {"start": start, "end": end})}


def earliest_day(connection: Connection, at_least: date) -> date | None:
    """The first day that has papers, from ``at_least`` on."""
    found: date | None = connection.scalar(_EARLIEST, {"at_least": at_least})
    return found
