"""What makes a paper trend: votes, and the first comment of an account on it; whoever brought it counts nothing."""

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
    """Count anew from its votes and comments how far a paper trends. The connection writes."""
    vote, comment, brought = schema.vote.c, schema.comment.c, submitter_of(connection, paper)
    cast = select(vote.account, vote.at).where(vote.paper == paper, vote.counted.is_(True))
    said = select(comment.account, func.min(comment.at)).where(comment.paper == paper, comment.counted.is_(True))
    first = said.where(comment.account.is_not(None), comment.state == "shown").group_by(comment.account)
    rows = [*connection.execute(cast), *connection.execute(first)]
    set_trend(connection, paper, stored_trend(sorted(at for account, at in rows if account != brought)))


def set_trend(connection: Connection, paper: str, trend: float | None) -> None:
    """Write the stored form of how far a paper trends; see `netopsy.feed.ranking.stored_trend`."""
    connection.execute(update(schema.paper).where(schema.paper.c.id == paper).values(trend=trend))
