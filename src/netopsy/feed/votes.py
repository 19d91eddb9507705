"""Votes: one a paper and account; taking one back leaves no trace."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from netopsy.feed import schema, signals
from netopsy.feed.calendar import aware
from netopsy.feed.ranking import with_signal


def cast(connection: Connection, paper: str, account: str, now: datetime) -> bool:
    """Vote for the paper of that key; ``False`` where the account has done so before.

    The account is made where there is none of that name.
    """
    moment, vote = aware(now), schema.vote
    own = (vote.c.paper == paper) & (vote.c.account == account)
    if connection.scalar(select(vote.c.paper).where(own)) is not None:
        return False
    ensure_account(connection, account, moment)
    connection.execute(insert(vote).values(paper=paper, account=account, at=moment))
    if signals.submitter_of(connection, paper) != account:
        before = connection.scalar(select(schema.paper.c.trend).where(schema.paper.c.id == paper))
        signals.set_trend(connection, paper, with_signal(before, moment))
    return True


def take_back(connection: Connection, paper: str, account: str) -> bool:
    """Take a vote back; ``False`` where there was none. What is trending then is counted anew from the others."""
    vote = schema.vote
    gone = connection.execute(delete(vote).where(vote.c.paper == paper, vote.c.account == account)).rowcount
    if gone:
        signals.recount(connection, paper)
    return bool(gone)


def ensure_account(connection: Connection, account: str, now: datetime) -> None:
    """Make the account where there is none of that name."""
    if connection.scalar(select(schema.account.c.id).where(schema.account.c.id == account)) is None:
        connection.execute(insert(schema.account).values(id=account, created=now))
