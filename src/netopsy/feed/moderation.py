"""What moderators do, each with a reason in a log: hide and show again, let through what waits, ban."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from netopsy.core.errors import InputError, require
from netopsy.core.texts import plain, shortened
from netopsy.feed import schema, store, submissions
from netopsy.feed.calendar import aware
from netopsy.feed.comments import called
from netopsy.feed.database import writing
from netopsy.feed.identifiers import identified
from netopsy.feed.traces import changed

LONGEST = 500
"""Characters of a reason."""
MOST_DAYS = 3650
"""Of a ban."""
SHOWN = 200
"""Entries of each part of `overview`."""


@dataclass(frozen=True)
class _Target:
    """A paper by its key, or a comment."""

    paper: str
    comment: int | None = None
    submission: str | None = None
    """The state of that of the paper, where it was brought."""

    @property
    def name(self) -> str:
        return self.paper if self.comment is None else f"comment:{self.comment}"


def hide(engine: Engine, what: str, *, by: str, reason: str, now: datetime) -> bool:
    """Take a paper, one that is waited for, or ``comment:NUMBER`` out of sight; ``False`` where it was.

    It leaves lists, feeds, search, digests and the interface, and comes back by `unhide` alone, whatever sources say.

    Args:
        by: the account of who does it.

    Raises:
        InputError: there is no such thing, no reason is given, or it is too long.
    """
    moment, why = aware(now), _reason(reason)
    with writing(engine) as connection:
        target = _target(connection, what)
        return _set_hidden(connection, target, True) and _log(connection, moment, by, "hide", target.name, why)


def unhide(engine: Engine, what: str, *, by: str, reason: str = "", now: datetime) -> bool:
    """Show again what was hidden; ``False`` where it was not.

    Raises:
        InputError: see `hide`; no reason is needed.
    """
    moment, why = aware(now), _reason(reason, needed=False)
    with writing(engine) as connection:
        target = _target(connection, what)
        return _set_hidden(connection, target, False) and _log(connection, moment, by, "unhide", target.name, why)


def approve(engine: Engine, what: str, *, by: str, reason: str = "", now: datetime) -> bool:
    """Let a comment through that waits, ``comment:NUMBER``; ``False`` where it does not.

    Raises:
        InputError: see `hide`; no reason is needed, and papers need none to let them through.
    """
    moment, why, table = aware(now), _reason(reason, needed=False), schema.comment
    with writing(engine) as connection:
        target = _target(connection, what)
        require(target.comment is not None, f"a comment is let through, written comment:17, got {target.name}")
        own = (table.c.id == target.comment) & (table.c.state == "waiting")
        if not connection.execute(update(table).where(own).values(state="shown")).rowcount:
            return False
        changed(connection, target.paper)
        return _log(connection, moment, by, "approve", target.name, why)


def ban(engine: Engine, whom: str, days: int, *, by: str, reason: str, now: datetime) -> datetime | None:
    """Keep an account from voting, commenting and bringing papers for some days; 0 ends that.

    Args:
        whom: the name of an account, or ``comment:NUMBER`` for whoever wrote it.

    Returns:
        until when.

    Raises:
        InputError: there is no such account or comment, no reason is given, or other days.
    """
    moment, why, table = aware(now), _reason(reason), schema.account
    require(0 <= days <= MOST_DAYS, f"a ban is of 0 to {MOST_DAYS:,} days, got {days}")
    until = moment + timedelta(days=days) if days else None
    with writing(engine) as connection:
        name = whom.strip().removeprefix("account:")
        if name.startswith("comment:"):
            row = _comment(connection, name)
            require(row.account is not None, f"whoever wrote {name} has no account any more")
            name = row.account
        found = connection.execute(update(table).where(table.c.id == name).values(banned_until=until)).rowcount
        require(found, f"there is no account {shortened(name)!r}")
        _log(
            connection,
            moment,
            by,
            "ban" if days else "unban",
            f"account:{name}",
            f"{days} days: {why}" if days else why,
        )
    return until


def overview(connection: Connection, now: datetime) -> dict[str, list[dict[str, Any]]]:
    """What a moderator needs to see, as JSON values: ``waiting``, ``hidden``, ``banned`` and the ``log``."""
    comment, paper, table = schema.comment, schema.paper, schema.submission
    waits = select(comment).where(comment.c.state == "waiting").order_by(comment.c.at, comment.c.id).limit(SHOWN)
    found = [_told(row) for row in connection.execute(waits)]
    found += [
        {
            "what": each.paper,
            "paper": each.paper,
            "at": each.at.isoformat(),
            "text": f"{each.title} {each.note}".strip(),
        }
        for each in submissions.waiting(connection, SHOWN)
    ]
    papers = select(paper.c.id, paper.c.title).where(paper.c.hidden.is_(True)).order_by(paper.c.seq.desc()).limit(SHOWN)
    hidden = [{"what": row.id, "paper": row.id, "text": row.title} for row in connection.execute(papers)]
    known = {each["what"] for each in hidden}
    declined = select(table).where(table.c.state == "hidden").order_by(table.c.at.desc()).limit(SHOWN)
    hidden += [
        {"what": row.paper, "paper": row.paper, "text": row.note}
        for row in connection.execute(declined)
        if row.paper not in known
    ]
    gone = select(comment).where(comment.c.state == "hidden").order_by(comment.c.id.desc()).limit(SHOWN)
    hidden += [_told(row) for row in connection.execute(gone)]
    account, log = schema.account, schema.moderation_log
    banned = select(account.c.id, account.c.banned_until).where(account.c.banned_until > aware(now))
    told = connection.execute(select(log).order_by(log.c.id.desc()).limit(SHOWN))
    return {
        "waiting": found,
        "hidden": hidden,
        "banned": [
            {"account": row.id, "called": called(row.id), "until": row.banned_until.isoformat()}
            for row in connection.execute(banned.order_by(account.c.banned_until, account.c.id).limit(SHOWN))
        ],
        "log": [
            {"at": row.at.isoformat(), "by": row.by, "action": row.action, "target": row.target, "reason": row.reason}
            for row in told
        ],
    }


def _set_hidden(connection: Connection, target: _Target, hidden: bool) -> bool:
    comment, paper, table = schema.comment, schema.paper, schema.submission
    if target.comment is not None:
        before = ("shown", "waiting") if hidden else ("hidden",)
        own = (comment.c.id == target.comment) & comment.c.state.in_(before)
        found = connection.execute(update(comment).where(own).values(state="hidden" if hidden else "shown")).rowcount
        changed(connection, target.paper)
        return bool(found)
    own = (paper.c.id == target.paper) & paper.c.hidden.is_(not hidden)
    known = connection.execute(update(paper).where(own).values(hidden=hidden)).rowcount
    if known:
        store.touch(connection, target.paper)
    brought = target.submission is not None and (target.submission == "hidden") != hidden
    if brought:
        there = connection.scalar(select(paper.c.id).where(paper.c.id == target.paper)) is not None
        state = "hidden" if hidden else "shown" if there else "waiting"
        connection.execute(update(table).where(table.c.paper == target.paper).values(state=state))
    return bool(known or brought)


def _target(connection: Connection, what: str) -> _Target:
    """What a moderator named, hidden or not."""
    name = what.strip()
    if name.startswith("comment:"):
        row = _comment(connection, name)
        return _Target(row.paper, row.id)
    paper, alias, table = schema.paper, schema.paper_alias, schema.submission
    key = connection.scalar(select(paper.c.id).where(paper.c.slug == name.casefold()))
    if key is None:
        written = identified(name).key
        known = connection.scalar(select(alias.c.paper).where(alias.c.alias == written))
        key = known or written
    state = connection.scalar(select(table.c.state).where(table.c.paper == key))
    there = connection.scalar(select(paper.c.id).where(paper.c.id == key))
    require(there is not None or state is not None, f"{key} is not in the feed")
    return _Target(key, submission=state)


def _comment(connection: Connection, name: str) -> Any:
    number = name.partition(":")[2]
    row = None
    if number.isdecimal() and number.isascii() and len(number) < 10:
        query = select(schema.comment).where(schema.comment.c.id == int(number))
        row = connection.execute(query).one_or_none()
    if row is None:
        raise InputError(f"a comment is named as comment:17, and there is none {shortened(name)!r}")
    return row


def _told(row: Any) -> dict[str, Any]:
    return {
        "what": f"comment:{row.id}",
        "paper": row.paper,
        "at": row.at.isoformat(),
        "by": called(row.account) if row.account else "",
        "text": row.source,
    }


def _reason(text: str, *, needed: bool = True) -> str:
    found = " ".join(plain(text).split())
    require(found or not needed, "a reason must be given")
    require(len(found) <= LONGEST, f"a reason may have {LONGEST} characters, got {len(found):,}")
    return found


def _log(connection: Connection, now: datetime, by: str, action: str, target: str, reason: str) -> bool:
    values = {"at": now, "by": by, "action": action, "target": target, "reason": reason}
    connection.execute(insert(schema.moderation_log).values(**values))
    return True
