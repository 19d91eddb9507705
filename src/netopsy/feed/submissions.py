"""Papers that readers bring: taken by their name alone, and shown once a source has told what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, insert, select, update

from netopsy.core.errors import require
from netopsy.core.texts import plain
from netopsy.feed import quotas, schema, signals, store, votes
from netopsy.feed.accounts import check_not_banned
from netopsy.feed.calendar import aware, day_of, zone_named
from netopsy.feed.database import site_zone, writing
from netopsy.feed.identifiers import PaperId, identified, parse

A_DAY = 10
"""Papers that an account may bring."""
LONGEST = 300
"""Characters of a note."""
SOURCE = "readers"
"""What lists the papers that were brought."""
TOGETHER = 100
"""Papers that a source is asked for at once."""
GIVEN_UP = timedelta(days=7)
"""After which a paper is not waited for any more, where the source answers and does not know it."""

Outcome = Literal["shown", "waiting", "vote", "known"]


@dataclass(frozen=True)
class Submitted:
    """What became of a paper that was brought: it is ``shown``, is ``waiting`` for a source to tell of it, had been
    brought before, so that this is a ``vote`` for it, or is ``known``, and this account had brought or voted for it.
    """

    paper: str
    outcome: Outcome


@dataclass(frozen=True)
class Waiting:
    """A paper of which nothing but its name is known."""

    paper: str
    at: datetime
    note: str

    @property
    def title(self) -> str:
        """What it is called until then."""
        return f"arXiv:{self.paper.partition(':')[2]}"


def submit(engine: Engine, name: str, account: str, *, note: str = "", now: datetime) -> Submitted:
    """Bring a paper by its arXiv number, DOI or address. Nothing is fetched: the text is read for a name alone.

    A paper that a list has is voted for instead, and so is one that somebody brought before. One that is known and on
    no list is shown on the site's today. Of others only those of arXiv are taken, and wait until it tells of them.

    Raises:
        InputError: the text names no paper, or one that no source can be asked for; the paper was hidden; too many on
            this day; or the account is banned.
    """
    moment, wanted = aware(now), identified(name)
    said = " ".join(plain(note).split())
    require(len(said) <= LONGEST, f"a note may have {LONGEST} characters, got {len(said):,}")
    with writing(engine) as connection:
        check_not_banned(connection, account, moment)
        votes.ensure_account(connection, account, moment)
        paper = connection.execute(_paper(wanted.key)).one_or_none()
        key = wanted.key if paper is None else paper.id
        if paper is not None:
            admit(connection)  # it may be what was waited for
            paper = connection.execute(_paper(wanted.key)).one()
        row = connection.execute(select(schema.submission).where(schema.submission.c.paper == key)).one_or_none()
        hidden = (paper is not None and paper.hidden) or (row is not None and row.state == "hidden")
        require(not hidden, f"{key} is not shown here")
        require(paper is not None or wanted.kind == "arxiv", f"only papers of arXiv can be fetched, got {key}")
        if row is not None and row.account == account:
            return Submitted(key, "waiting" if paper is None else "known")
        require(quotas.take(connection, account, "submission", A_DAY, moment), f"{A_DAY} papers a day are the most")
        if row is not None and paper is None:
            _second(connection, key, account, moment)
            return Submitted(key, "waiting")
        if paper is not None and (row is not None or paper.day is not None):
            return Submitted(key, "vote" if votes.cast(connection, key, account, moment) else "known")
        values = {"paper": key, "account": account, "at": moment, "note": said, "state": "waiting"}
        connection.execute(insert(schema.submission).values(**values))
        if paper is None:
            return Submitted(key, "waiting")
        admit(connection)
        return Submitted(key, "shown")


def admit(connection: Connection) -> int:
    """Show the papers that were waited for and that something is known of by now; how many. The connection writes."""
    table, alias = schema.submission, schema.paper_alias
    query = select(table, alias.c.paper.label("own")).join(alias, alias.c.alias == table.c.paper)
    rows = connection.execute(query.where(table.c.state == "waiting").order_by(table.c.at, table.c.paper)).all()
    zone = zone_named(site_zone(connection))
    for row in rows:
        backers = schema.submission_vote
        others = connection.execute(select(backers).where(backers.c.paper == row.paper).order_by(backers.c.at)).all()
        connection.execute(delete(backers).where(backers.c.paper == row.paper))
        first = connection.scalar(select(table.c.paper).where(table.c.paper == row.own, table.c.paper != row.paper))
        own = table.c.paper == row.paper
        if first is None:
            connection.execute(update(table).where(own).values(paper=row.own, state="shown"))
            store.list_on(connection, row.own, SOURCE, day_of(row.at, zone))
        else:  # it was brought under two names
            connection.execute(delete(table).where(own))
        for account, at in ((each.account, each.at) for each in others):
            votes.cast(connection, row.own, account, at)
        if first is not None and row.account is not None:
            votes.cast(connection, row.own, row.account, row.at)
        signals.recount(connection, row.own)
    return len(rows)


def waiting(connection: Connection, limit: int = TOGETHER) -> list[Waiting]:
    """What waits for a source to tell of it, the longest waiting first."""
    table = schema.submission
    query = select(table).where(table.c.state == "waiting").order_by(table.c.at, table.c.paper).limit(limit)
    return [Waiting(row.paper, row.at, row.note) for row in connection.execute(query)]


def wanted(connection: Connection) -> list[PaperId]:
    """The papers that arXiv is to be asked for."""
    return [found for each in waiting(connection) if (found := parse(each.paper)) is not None]


def give_up(connection: Connection, asked: Sequence[PaperId], now: datetime) -> int:
    """Forget papers that a source was asked for, and did not know, for a week; how many. The connection writes."""
    table, keys = schema.submission, [each.key for each in asked]
    old = table.c.paper.in_(keys) & (table.c.state == "waiting") & (table.c.at < aware(now) - GIVEN_UP)
    return connection.execute(delete(table).where(old)).rowcount


def _second(connection: Connection, key: str, account: str, now: datetime) -> None:
    table = schema.submission_vote
    own = (table.c.paper == key) & (table.c.account == account)
    if connection.scalar(select(table.c.account).where(own)) is None:
        connection.execute(insert(table).values(paper=key, account=account, at=now))


def _paper(key: str) -> Any:
    paper, alias, featured = schema.paper, schema.paper_alias, schema.featured
    query = select(paper.c.id, paper.c.hidden, featured.c.day).join(alias, alias.c.paper == paper.c.id)
    return query.outerjoin(featured, featured.c.paper == paper.c.id).where(alias.c.alias == key)
