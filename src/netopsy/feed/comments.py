"""What readers say of a paper, ordered by how many find it helpful; answers one level deep."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from netopsy.core.errors import InputError, require
from netopsy.feed import quotas, schema, votes
from netopsy.feed.accounts import check_not_banned
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.markdown import cleaned, rendered
from netopsy.feed.ranking import wilson
from netopsy.feed.traces import changed, empty

A_DAY = 30
"""Comments that an account may write."""


@dataclass(frozen=True)
class Comment:
    """A comment as a page shows it, with the answers to it."""

    id: int
    account: str | None
    at: datetime
    edited: datetime | None
    source: str
    html: str
    """Of what `netopsy.feed.markdown.rendered` lets through; empty for one that is hidden or deleted."""
    state: str
    helpful: int
    votes: int
    own_vote: int = 0
    """Of whoever looks: 1, -1, or 0 for none."""
    answers: tuple[Comment, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        own = {name: getattr(self, name) for name in ("id", "by", "state", "source", "html", "helpful", "votes")}
        moments = {"at": self.at.isoformat(), "edited": self.edited.isoformat() if self.edited else None}
        return own | moments | {"answers": [each.to_json() for each in self.answers]}

    @property
    def by(self) -> str:
        """What its author is called; nothing of the account can be told from it."""
        return called(self.account) if self.account else "a reader"


def called(account: str) -> str:
    """What an account is called where others see it.

    >>> called("local") == called("local") != called("other")
    True
    """
    return f"reader {hashlib.blake2b(account.encode(), digest_size=4, person=b'reader').hexdigest()}"


def write(
    engine: Engine,
    paper: str,
    account: str,
    text: str,
    *,
    now: datetime,
    parent: int | None = None,
    moderated: bool = False,
) -> Comment:
    """Say something of the paper of that key, or answer a comment on it.

    Args:
        moderated: what an account writes waits for a moderator until one of its comments is shown.

    Raises:
        InputError: nothing that can be seen is written, or too much, today or at once; no such paper or comment; an
            answer to an answer; or the account is banned.
    """
    moment, source = aware(now), cleaned(text)
    html = rendered(source)
    table = schema.comment
    with writing(engine) as connection:
        check_not_banned(connection, account, moment)
        votes.ensure_account(connection, account, moment)
        shown = schema.paper.c.hidden.is_(False)
        require(
            connection.scalar(select(schema.paper.c.id).where(schema.paper.c.id == paper, shown)) is not None,
            "this paper is not in the feed",
        )
        if parent is not None:
            above = _row(connection, parent)
            require(
                above.paper == paper and above.state == "shown", "the comment that is answered is not here any more"
            )
            require(above.parent is None, "an answer cannot be answered; answer the comment above it")
        require(quotas.take(connection, account, "comment", A_DAY, moment), f"{A_DAY} comments a day are the most")
        before = select(table.c.id).where(table.c.account == account, table.c.state == "shown").limit(1)
        waits = moderated and connection.scalar(before) is None
        values = {"paper": paper, "account": account, "parent": parent, "at": moment, "source": source, "html": html}
        values["counted"] = votes.counts_from(connection, account, moment) is None
        made = insert(table).values(state="waiting" if waits else "shown", **values).returning(table.c.id)
        number = connection.execute(made).scalar_one()
        changed(connection, paper)
        return _comment(_row(connection, number), {})


def edit(engine: Engine, comment: int, account: str, text: str, *, now: datetime) -> Comment:
    """Change one's own comment, which is marked as changed.

    Raises:
        InputError: see `write`; or the comment is another's, or is not shown.
    """
    moment, source = aware(now), cleaned(text)
    html, table = rendered(source), schema.comment
    with writing(engine) as connection:
        check_not_banned(connection, account, moment)
        row = _own(connection, comment, account)
        if row.source != source:
            changes = {"source": source, "html": html, "edited": moment}
            connection.execute(update(table).where(table.c.id == comment).values(**changes))
            changed(connection, row.paper)
        return _comment(_row(connection, comment), {})


def remove(engine: Engine, comment: int, account: str) -> str:
    """Delete one's own comment: nothing of its text stays, and its place only where it was answered.

    Returns:
        the paper's key.

    Raises:
        InputError: it is another's, or there is none.
    """
    with writing(engine) as connection:
        row = _own(connection, comment, account)
        empty(connection, schema.comment.c.id == comment)
        changed(connection, row.paper)
        return str(row.paper)


def rate(engine: Engine, comment: int, account: str, value: int, *, now: datetime) -> str:
    """Say whether a comment is helpful, 1, or not, -1; 0 takes that back.

    Returns:
        the paper's key.

    Raises:
        InputError: another value, a comment that is one's own or not shown, or the account is banned.
    """
    require(value in (-1, 0, 1), f"a comment is found helpful by 1, not by -1, got {value}")
    moment, table = aware(now), schema.comment_vote
    with writing(engine) as connection:
        check_not_banned(connection, account, moment)
        votes.ensure_account(connection, account, moment)
        row = _row(connection, comment)
        require(row.state == "shown", f"there is no comment {comment}")
        require(row.account != account, "nobody votes for a comment of their own")
        connection.execute(delete(table).where(table.c.comment == comment, table.c.account == account))
        if value:
            connection.execute(insert(table).values(comment=comment, account=account, value=value))
        changed(connection, row.paper)
        return str(row.paper)


def of_paper(
    connection: Connection, paper: str, *, account: str | None = None, moderator: bool = False
) -> list[Comment]:
    """The comments on a paper: by the lower end of Wilson's interval of helpful votes, then the older first.

    What waits for a moderator is seen by these and by its author; of what is hidden or deleted the place is left where
    it was answered.
    """
    table = schema.comment
    query = select(table).where(table.c.paper == paper).order_by(table.c.at, table.c.id)
    rows = connection.execute(query).all()
    given = _votes(connection, [row.id for row in rows], account)
    seen = [
        row
        for row in rows
        if row.state == "shown" or (row.state == "waiting" and (moderator or row.account == account))
    ]
    answers: dict[int, list[Comment]] = {}
    for row in seen:
        if row.parent is not None:
            answers.setdefault(row.parent, []).append(_comment(row, given))
    visible = {row.id for row in seen}
    found = [
        _comment(row, given, tuple(answers.get(row.id, ())))
        for row in rows
        if row.parent is None and (row.id in visible or row.id in answers)
    ]
    return sorted(found, key=lambda one: (-wilson(one.helpful, one.votes), one.at, one.id))


def one(connection: Connection, comment: int) -> tuple[str, Comment]:
    """The paper's key and the comment of that number.

    Raises:
        InputError: there is none, or it is neither shown nor waiting.
    """
    row = _row(connection, comment)
    require(row.state in ("shown", "waiting"), f"there is no comment {comment}")
    return row.paper, _comment(row, {})


def _row(connection: Connection, comment: int) -> Any:
    row = connection.execute(select(schema.comment).where(schema.comment.c.id == comment)).one_or_none()
    if row is None:
        raise InputError(f"there is no comment {comment}")
    return row


def _own(connection: Connection, comment: int, account: str) -> Any:
    row = _row(connection, comment)
    require(row.account == account and row.state in ("shown", "waiting"), f"comment {comment} is not yours to change")
    return row


def _votes(connection: Connection, comments: Sequence[int], account: str | None) -> Mapping[int, tuple[int, int, int]]:
    """Of each comment: who found it helpful, who voted, and how ``account`` did."""
    table = schema.comment_vote
    found: dict[int, tuple[int, int, int]] = {}
    for start in range(0, len(comments), 500):
        some = comments[start : start + 500]
        for row in connection.execute(select(table).where(table.c.comment.in_(some))):
            helpful, votes, own = found.get(row.comment, (0, 0, 0))
            own = row.value if row.account == account else own
            found[row.comment] = (helpful + (row.value > 0), votes + 1, own)
    return found


def _comment(row: Any, votes: Mapping[int, tuple[int, int, int]], answers: tuple[Comment, ...] = ()) -> Comment:
    helpful, many, own = votes.get(row.id, (0, 0, 0))
    gone = row.state in ("hidden", "deleted")
    return Comment(
        id=row.id,
        account=None if gone else row.account,
        at=row.at,
        edited=row.edited,
        source="" if gone else row.source,
        html="" if gone else row.html,
        state=row.state,
        helpful=helpful,
        votes=many,
        own_vote=own,
        answers=answers,
    )
