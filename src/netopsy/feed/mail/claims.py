"""The way of a letter through the outbox: planned, sending, and then sent, retry, failed or uncertain.

Each step is one transaction that writes. A sender holds letters under a lease; what it began and did not end when the
lease runs out was perhaps sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, delete, func, or_, select, update

from netopsy.feed import schema
from netopsy.feed.mail.answers import Answer, Outcome

LEASE = timedelta(minutes=15)
WAITS = tuple(timedelta(minutes=each) for each in (1, 5, 25, 120, 600, 1440))
"""Between tries; after the last one there is none."""
LINKS = ("confirm", "sign-in")
"""Letters that are sent again rather than not at all, and before the others."""
GOOD_FOR = {"sign-in": timedelta(minutes=15), "confirm": timedelta(hours=24)}
"""How long the link in a letter is of use."""
WAITING = ("planned", "retry")
AHEAD = timedelta(days=2)
"""Nothing is put off for as long, unless the clock was wrong when it was."""


@dataclass(frozen=True)
class Begun:
    """A letter that may be handed over now, and to whom."""

    row: Any
    to: str
    salt: str | None


def reclaim(connection: Connection, *, exact: bool, now: datetime) -> None:
    """Settle what other senders began and did not end in time.

    Args:
        exact: whether handing a letter over twice leaves one (see `netopsy.feed.mail.answers.Transport`).
    """
    table = schema.delivery
    left = and_(table.c.state == "sending", _over(now))
    if not exact:
        unsure = and_(left, table.c.kind.not_in(LINKS))
        connection.execute(update(table).where(unsure).values(state="uncertain", leased_until=None))
    connection.execute(update(table).where(left).values(state="retry", owner=None, leased_until=None, next_try=now))


def claim(connection: Connection, *, owner: str, limit: int, now: datetime) -> list[str]:
    """Take up to that many letters that are due and that nobody holds; letters with links first."""
    table = schema.delivery
    free = or_(table.c.leased_until.is_(None), _over(now))
    due = or_(table.c.next_try <= now, table.c.next_try > now + AHEAD)
    query = (
        select(table.c.id)
        .where(table.c.state.in_(WAITING), due, free)
        .order_by(case((table.c.kind.in_(LINKS), 0), else_=1), table.c.next_try, table.c.id)
        .limit(limit)
    )
    taken = list(connection.scalars(query))
    if taken:
        held = update(table).where(table.c.id.in_(taken))
        connection.execute(held.values(owner=owner, leased_until=now + LEASE))
    return taken


def release(connection: Connection, owner: str) -> None:
    """Give back what was taken and not begun."""
    table = schema.delivery
    own = and_(table.c.owner == owner, table.c.state.in_(WAITING))
    connection.execute(update(table).where(own).values(owner=None, leased_until=None))


def begin(connection: Connection, name: str, *, owner: str, now: datetime) -> Begun | None:
    """Mark a letter as being sent; ``None`` where it is not to be sent, or another sender holds it."""
    table, subscriber = schema.delivery, schema.subscriber
    own = and_(table.c.id == name, table.c.owner == owner, table.c.state.in_(WAITING))
    reader = (subscriber.c.address.label("theirs"), subscriber.c.state.label("standing"), subscriber.c.salt)
    row = connection.execute(select(table, *reader).outerjoin(subscriber).where(own)).one_or_none()
    if row is None:
        return None
    to = row.address or row.theirs
    if row.kind == "digest" and row.standing != "active":
        fail(connection, row, "the subscriber is not active", now)
        return None
    if not to:
        fail(connection, row, "the letter has no address", now)
        return None
    if row.kind in GOOD_FOR and now > row.planned + GOOD_FOR[row.kind]:
        fail(connection, row, "its link is not good any more", now)
        return None
    until = now + LEASE
    connection.execute(update(table).where(own).values(state="sending", tries=row.tries + 1, leased_until=until))
    return Begun(row, to, row.salt)


def end(connection: Connection, begun: Begun, answer: Answer, now: datetime) -> str:
    """Write down what came of a letter, if its sender still holds it; the state that it is in."""
    table, row, outcome = schema.delivery, begun.row, answer.outcome
    own = and_(table.c.id == row.id, table.c.owner == row.owner, table.c.state.in_(("sending", "uncertain")))
    if connection.scalar(select(table.c.id).where(own)) is None:
        return "lost"
    if outcome is Outcome.SENT:
        values = {"state": "sent", "sent": now, "address": None, "reply": answer.reply} | _spent(row)
        connection.execute(update(table).where(own).values(**values, owner=None, leased_until=None))
        return "sent"
    if outcome is Outcome.UNCERTAIN and row.kind not in LINKS:
        values = {"state": "uncertain", "reply": answer.reply}
        connection.execute(update(table).where(own).values(**values, owner=None, leased_until=None))
        return "uncertain"
    if outcome is Outcome.REFUSED and row.subscriber is not None:
        reader = schema.subscriber.c
        there = and_(reader.id == row.subscriber, reader.state.in_(("pending", "active")))
        connection.execute(update(schema.subscriber).where(there).values(state="suspended"))
    next_try = _next_try(row, now)
    if outcome in (Outcome.REFUSED, Outcome.REJECTED) or next_try is None:
        fail(connection, row, answer.reply, now)
        return "failed"
    values = {"state": "retry", "next_try": next_try, "reply": answer.reply}
    connection.execute(update(table).where(own).values(**values, owner=None, leased_until=None))
    return "retry"


def fail(connection: Connection, row: Any, reply: str, now: datetime) -> None:
    """Give a letter up: its address is dropped, and its papers may come in another one."""
    table, carried = schema.delivery, schema.delivery_paper
    values = {"state": "failed", "reply": reply, "address": None, "owner": None, "leased_until": None, "next_try": now}
    connection.execute(update(table).where(table.c.id == row.id).values(**values, **_spent(row)))
    connection.execute(delete(carried).where(carried.c.delivery == row.id))


def papers_of(connection: Connection, name: str, order: Sequence[str]) -> list[str]:
    """The papers that a digest carries: first those of ``order``, then the others by their votes."""
    carried, vote = schema.delivery_paper, schema.vote
    votes = func.count(vote.c.account)
    query = (
        select(carried.c.paper)
        .outerjoin(vote, (vote.c.paper == carried.c.paper) & vote.c.counted.is_(True))
        .where(carried.c.delivery == name)
        .group_by(carried.c.paper)
        .order_by(votes.desc(), carried.c.paper)
    )
    found = list(connection.scalars(query))
    place = {paper: number for number, paper in enumerate(order)}
    return sorted(found, key=lambda paper: place.get(paper, len(place)))


def _over(now: datetime) -> ColumnElement[bool]:
    """A lease that has run out, or was given while the clock was ahead."""
    until = schema.delivery.c.leased_until
    return or_(until <= now, until > now + 2 * LEASE)


def _spent(row: Any) -> dict[str, str]:
    """A link that signs in is kept no longer than it has to be."""
    return {"payload": "{}"} if row.kind == "sign-in" else {}


def _next_try(row: Any, now: datetime) -> datetime | None:
    if row.tries >= len(WAITS):
        return None
    moment = now + WAITS[row.tries]
    useful = GOOD_FOR.get(row.kind)
    return None if useful is not None and moment > row.planned + useful else moment
