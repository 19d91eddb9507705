"""What an account leaves in comments and submissions: handed out, or taken away."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select, update

from netopsy.feed import schema, signals, store

CHANGES = "comments"
"""The setting that counts changes of comments."""


def data_of(connection: Connection, account: str) -> dict[str, list[dict[str, Any]]]:
    """What an account has written and brought, and how it has voted on comments, as JSON values."""
    comment, rated, brought, backed = schema.comment, schema.comment_vote, schema.submission, schema.submission_vote
    written = connection.execute(select(comment).where(comment.c.account == account).order_by(comment.c.id))
    votes = connection.execute(select(rated).where(rated.c.account == account).order_by(rated.c.comment))
    first = connection.execute(select(brought).where(brought.c.account == account).order_by(brought.c.at))
    later = connection.execute(select(backed).where(backed.c.account == account).order_by(backed.c.at))
    return {
        "comments": [
            {"id": row.id, "paper": row.paper, "at": row.at.isoformat(), "text": row.source, "state": row.state}
            for row in written
        ],
        "comment_votes": [{"comment": row.comment, "helpful": row.value} for row in votes],
        "submissions": [
            *({"paper": row.paper, "at": row.at.isoformat(), "note": row.note, "state": row.state} for row in first),
            *({"paper": row.paper, "at": row.at.isoformat()} for row in later),
        ],
    }


def forget(connection: Connection, account: str) -> None:
    """Delete the text of all that an account has written, and its votes on comments; papers that it brought stay,
    without its name. The connection writes.
    """
    comment, rated, brought, backed = schema.comment, schema.comment_vote, schema.submission, schema.submission_vote
    papers = list(connection.scalars(select(comment.c.paper).where(comment.c.account == account).distinct()))
    empty(connection, comment.c.account == account)
    connection.execute(delete(rated).where(rated.c.account == account))
    connection.execute(update(brought).where(brought.c.account == account).values(account=None, note=""))
    connection.execute(delete(backed).where(backed.c.account == account))
    for paper in papers:
        changed(connection, paper)


def empty(connection: Connection, which: ColumnElement[bool]) -> None:
    """Delete the text of comments; their places stay for the answers to them. The connection writes."""
    nothing = {"source": "", "html": "", "state": "deleted", "account": None, "edited": None}
    connection.execute(update(schema.comment).where(which).values(**nothing))


def changed(connection: Connection, paper: str) -> None:
    """Note that the comments on a paper are others now. The connection writes."""
    signals.recount(connection, paper)
    store.numbered(connection, what=CHANGES)
