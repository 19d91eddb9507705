"""Votes: one a paper and account; taking one back leaves no trace.

That of an account which signed in by mail counts once the account is a day old; until then its own visitor sees it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from netopsy.core.errors import require
from netopsy.feed import schema, signals
from netopsy.feed.calendar import aware
from netopsy.feed.ranking import with_signal

NEW = timedelta(hours=24)
"""Age below which the votes, comments and runs of an account do not count yet."""
_SIGNED_IN = re.compile(r"[0-9a-f]{32}")
"""What accounts are called that a letter made."""


def cast(connection: Connection, paper: str, account: str, now: datetime) -> bool:
    """Vote for the paper of that key; ``False`` where the account has done so before.

    The account is made where there is none of that name. The connection writes.
    """
    moment, vote = aware(now), schema.vote
    own = (vote.c.paper == paper) & (vote.c.account == account)
    if connection.scalar(select(vote.c.paper).where(own)) is not None:
        return False
    ensure_account(connection, account, moment)
    counted = counts_from(connection, account, moment) is None
    connection.execute(insert(vote).values(paper=paper, account=account, at=moment, counted=counted))
    if counted and signals.submitter_of(connection, paper) != account:
        before = connection.scalar(select(schema.paper.c.trend).where(schema.paper.c.id == paper))
        signals.set_trend(connection, paper, with_signal(before, moment))
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
        signals.recount(connection, paper)
    return bool(gone)


def take_all_back(connection: Connection, account: str) -> int:
    """Take back all votes of an account and what its runs say; how many there were. The connection writes."""
    papers: list[str] = []
    for table in (schema.vote, schema.first_run):
        papers += connection.scalars(select(table.c.paper).where(table.c.account == account))
        connection.execute(delete(table).where(table.c.account == account))
    for paper in sorted(set(papers)):
        signals.recount(connection, paper)
    return len(papers)


def count_due(connection: Connection, now: datetime) -> int:
    """Count votes, comments and runs of accounts that have become old enough, each as of when it was made; how many."""
    person = schema.account
    old = select(person.c.id).where(person.c.created <= aware(now) - NEW)
    papers: list[str] = []
    for table in (schema.vote, schema.comment, schema.first_run):
        due = table.c.counted.is_(False) & table.c.account.in_(old)
        found = list(connection.scalars(select(table.c.paper).where(due)))
        if found:
            connection.execute(update(table).where(due).values(counted=True))
        papers += found
    for paper in sorted(set(papers)):
        signals.recount(connection, paper)
    return len(papers)


def own(connection: Connection, account: str) -> set[str]:
    """The keys of the papers that an account voted for."""
    return set(connection.scalars(select(schema.vote.c.paper).where(schema.vote.c.account == account)))


def ensure_account(connection: Connection, account: str, now: datetime) -> None:
    """Make the account where there is none of that name. The connection writes.

    Raises:
        InputError: it is named as those that signing in makes, so it was there and has been deleted.
    """
    if connection.scalar(select(schema.account.c.id).where(schema.account.c.id == account)) is None:
        require(_SIGNED_IN.fullmatch(account) is None, "this account has been deleted; sign in again")
        connection.execute(insert(schema.account).values(id=account, created=now))
