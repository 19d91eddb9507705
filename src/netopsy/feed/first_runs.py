"""An account's first run of a paper that was done says something for the paper, as a vote does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from netopsy.feed import schema, signals, store, votes
from netopsy.feed.calendar import aware
from netopsy.feed.traces import CHANGES


def note(connection: Connection, slug: str, account: str, now: datetime) -> bool:
    """Note that a run of the paper of that slug was done; ``False`` where it says nothing new.

    That of an account which may not speak at present says nothing. The connection writes.
    """
    moment, table, person = aware(now), schema.first_run, schema.account.c
    paper = connection.scalar(select(schema.paper.c.id).where(schema.paper.c.slug == slug))
    known = select(table.c.paper).where(table.c.paper == paper, table.c.account == account)
    if paper is None or connection.scalar(known) is not None:
        return False
    until = connection.scalar(select(person.banned_until).where(person.id == account))
    if until is not None and until > moment:
        return False
    counted = votes.counts_from(connection, account, moment) is None
    connection.execute(insert(table).values(paper=paper, account=account, at=moment, counted=counted))
    if counted:
        signals.recount(connection, paper)
        store.numbered(connection, what=CHANGES)
    return True
