"""Votes: one a paper and account; taking one back leaves no trace.

That of an account which signed in by mail counts once the account is a day old; until then its own visitor sees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from netopsy.feed import schema
from netopsy.feed.calendar import aware
from netopsy.feed.ranking import stored_trend, with_signal

NEW = timedelta(hours=24)
"""Age below which the votes of an account do not count yet."""


def cast(connection: Connection, paper: str, account: str, now: datetime) -> bool:
    """Vote for the paper of that key; ``False`` where the account has done so before.

    The account is made where there is none of that name. The connection writes.
    """
    moment, vote, person = aware(now), schema.vote, schema.account
    own = (vote.c.paper == paper) & (vote.c.account == account)
    if connection.scalar(select(vote.c.paper).where(own)) is not None:
        return False
    if connection.scalar(select(person.c.id).where(person.c.id == account)) is None:
        connection.execute(insert(person).values(id=account, created=moment))
    counted = counts_from(connection, account, moment) is None
    connection.execute(insert(vote).values(paper=paper, account=account, at=moment, counted=counted))
    if counted:
        before = connection.scalar(select(schema.paper.c.trend).where(schema.paper.c.id == paper))
        _set(connection, paper, with_signal(before, moment))
    return True


def counts_from(connection: Connection, account: str, now: datetime) -> datetime | None:
    """From when on the votes of an account count; ``None`` where they do."""
    person = schema.account
    row = connection.execute(select(person).where(person.c.id == account)).one_or_none()
    new = row is not None and row.address_hash is not None and row.created > aware(now) - NEW
    return row.created + NEW if row is not None and new else None


def take_back(connection: Connection, paper: str, account: str) -> bool:
    """Take a vote back; ``False`` where there was none. What is trending then is counted anew from the others."""
    vote = schema.vote
    gone = connection.execute(delete(vote).where(vote.c.paper == paper, vote.c.account == account)).rowcount
    if gone:
        recount(connection, [paper])
    return bool(gone)


def take_all_back(connection: Connection, account: str) -> int:
    """Take all votes of an account back; how many there were. The connection writes."""
    vote = schema.vote
    papers = list(connection.scalars(select(vote.c.paper).where(vote.c.account == account)))
    connection.execute(delete(vote).where(vote.c.account == account))
    recount(connection, papers)
    return len(papers)


def count_due(connection: Connection, now: datetime) -> int:
    """Count the votes of accounts that have become old enough, each as of when it was cast; how many."""
    vote, person = schema.vote, schema.account
    old = select(person.c.id).where(person.c.created <= aware(now) - NEW)
    due = vote.c.counted.is_(False) & vote.c.account.in_(old)
    papers = list(connection.scalars(select(vote.c.paper).where(due)))
    if papers:
        connection.execute(update(vote).where(due).values(counted=True))
        recount(connection, set(papers))
    return len(papers)


def own(connection: Connection, account: str) -> set[str]:
    """The keys of the papers that an account voted for."""
    return set(connection.scalars(select(schema.vote.c.paper).where(schema.vote.c.account == account)))


def recount(connection: Connection, papers: Iterable[str]) -> None:
    """Count anew, from the votes, how much papers are talked about."""
    vote = schema.vote.c
    for paper in sorted(papers):
        counted = select(vote.at).where(vote.paper == paper, vote.counted.is_(True)).order_by(vote.at)
        _set(connection, paper, stored_trend(connection.scalars(counted)))


def _set(connection: Connection, paper: str, trend: float | None) -> None:
    connection.execute(update(schema.paper).where(schema.paper.c.id == paper).values(trend=trend))
