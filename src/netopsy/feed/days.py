"""Which days have papers: what calendars and "previous" and "next" are made of."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, bindparam, func, select

from netopsy.feed import schema

_featured = schema.featured.c
_SHOWN = (
    select(_featured.day, func.count())
    .join(schema.paper, schema.paper.c.id == _featured.paper)
    .where(_featured.day >= bindparam("start"), _featured.day < bindparam("end"), schema.paper.c.hidden.is_(False))
    .group_by(_featured.day)
    .order_by(_featured.day)
)
_EARLIEST = (
    select(func.min(_featured.day))
    .join(schema.paper)
    .where(_featured.day >= bindparam("at_least"), schema.paper.c.hidden.is_(False))
)


def days_shown(connection: Connection, start: date, end: date) -> dict[date, int]:
    """The days from ``start`` to before ``end`` that have papers, each with their number."""
    return {day: int(count) for day, count in connection.execute(_SHOWN, {"start": start, "end": end})}


def earliest_day(connection: Connection, at_least: date) -> date | None:
    """The first day that has papers, from ``at_least`` on."""
    found: date | None = connection.scalar(_EARLIEST, {"at_least": at_least})
    return found
