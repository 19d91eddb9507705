"""What makes a paper trend: votes, and of each account its first comment and its first run that was done.

Whoever brought the paper counts nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from netopsy.feed import schema
from netopsy.feed.ranking import stored_trend


def submitter_of(connection: Connection, paper: str) -> str | None:
    """Who brought the paper of that key, where anybody did."""
    table = schema.submission
    found: str | None = connection.scalar(select(table.c.account).where(table.c.paper == paper))
    return found


def recount(connection: Connection, paper: str) -> None:
    """Count anew from its votes, comments and runs how far a paper trends. The connection writes."""
    vote, comment, done = schema.vote.c, schema.comment.c, schema.first_run.c
    brought = submitter_of(connection, paper)
    cast = select(vote.account, vote.at).where(vote.paper == paper, vote.counted.is_(True))
    said = select(comment.account, func.min(comment.at)).where(comment.paper == paper, comment.counted.is_(True))
    first = said.where(comment.account.is_not(None), comment.state == "shown").group_by(comment.account)
    run = select(done.account, done.at).where(done.paper == paper, done.counted.is_(True))
    rows = [row for query in (cast, first, run) for row in connection.execute(query)]
    set_trend(connection, paper, stored_trend(sorted(at for account, at in rows if account != brought)))


def set_trend(connection: Connection, paper: str, trend: float | None) -> None:
    """Write the stored form of how far a paper trends; see `netopsy.feed.ranking.stored_trend`."""
    connection.execute(update(schema.paper).where(schema.paper.c.id == paper).values(trend=trend))
