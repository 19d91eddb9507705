"""Which days have papers: what calendars and "previous" and "next" are made of."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, func, select

from netopsy.feed import schema


def days_shown(connection: Connection, start: date, end: date) -> dict[date, int]:
    """The days from ``start`` to before ``end`` that have papers, each with their number."""
    day = schema.featured.c.day
    query = (
        select(day, func.count())
        .join(schema.paper, schema.paper.c.id == schema.featured.c.paper)
        .where(day >= start, day < end, schema.paper.c.hidden.is_(False))
        .group_by(day)
        .order_by(day)
    )
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def earliest_day(connection: Connection, at_least: date) -> date | None:
    """The first day that has papers, from ``at_least`` on."""
    query = (
        select(func.min(schema.featured.c.day))
        .join(schema.paper)
        .where(schema.featured.c.day >= at_least, schema.paper.c.hidden.is_(False))
    )
    found: date | None = connection.scalar(query)
    return found
