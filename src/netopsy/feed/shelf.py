"""Papers that an account keeps, with tags, a note, and whether they were read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from netopsy.core.errors import InputError, require
from netopsy.core.texts import plain, plain_lines
from netopsy.feed import schema, votes
from netopsy.feed.calendar import aware
from netopsy.feed.lists import Entry, entries

MOST = 5000
"""Papers of one account."""
TAGS = 20
TAG = 40
"""Letters of a tag."""
NOTE = 4000
"""Letters of a note."""


@dataclass(frozen=True)
class Kept:
    """A paper on a shelf."""

    entry: Entry
    tags: tuple[str, ...]
    note: str
    added: datetime
    read: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As JSON values: the paper, and what was written beside it."""
        read = None if self.read is None else self.read.isoformat()
        own = {"tags": list(self.tags), "note": self.note, "added": self.added.isoformat(), "read": read}
        return self.entry.to_json() | own


def save(connection: Connection, account: str, paper: str, now: datetime) -> bool:
    """Keep the paper of that key; ``False`` where it is kept already. The connection writes.

    Raises:
        InputError: the shelf is full, or the account has been deleted.
    """
    moment, table = aware(now), schema.shelf
    votes.ensure_account(connection, account, moment)
    if connection.scalar(select(table.c.paper).where(_own(account, paper))) is not None:
        return False
    held = connection.scalar(select(func.count()).select_from(table).where(table.c.account == account)) or 0
    require(held < MOST, f"a shelf holds at most {MOST:,} papers")
    row = {"account": account, "paper": paper, "tags": "[]", "note": "", "added": moment, "changed": moment}
    connection.execute(insert(table).values(**row))
    return True


def change(
    connection: Connection, account: str, paper: str, *, tags: Iterable[str], note: str, read: bool, now: datetime
) -> None:
    """Write tags and a note beside a paper that is kept, and whether it was read. The connection writes.

    Raises:
        InputError: it is not kept, or there are too many tags or too long ones, or the note is too long.
    """
    moment, table = aware(now), schema.shelf
    row = connection.execute(select(table).where(_own(account, paper))).one_or_none()
    if row is None:
        raise InputError("this paper is not on the shelf any more")
    text = plain_lines(note.replace("\r\n", "\n")).strip()
    require(len(text) <= NOTE, f"a note has at most {NOTE:,} letters, got {len(text):,}")
    values = {"tags": json.dumps(tags_of(tags), ensure_ascii=False), "note": text, "changed": moment}
    values["read"] = (row.read or moment) if read else None
    connection.execute(update(table).where(_own(account, paper)).values(**values))


def remove(connection: Connection, account: str, paper: str) -> bool:
    """Take a paper off the shelf; ``False`` where it was not on it. The connection writes."""
    return bool(connection.execute(delete(schema.shelf).where(_own(account, paper))).rowcount)


def move(connection: Connection, old: str, new: str) -> None:
    """Keep ``new`` wherever ``old`` is kept; where both are, what stands beside them comes together. It writes."""
    table = schema.shelf
    twice = {row.account: row for row in connection.execute(select(table).where(table.c.paper == new))}
    for row in connection.execute(select(table).where(table.c.paper == old, table.c.account.in_(twice))).all():
        other = twice[row.account]
        tags = sorted({*json.loads(row.tags), *json.loads(other.tags)})
        values = {
            "tags": json.dumps(tags, ensure_ascii=False),
            "note": "\n\n".join(dict.fromkeys(each for each in (other.note, row.note) if each)),
            "added": min(row.added, other.added),
            "read": other.read or row.read,
        }
        connection.execute(update(table).where(_own(row.account, new)).values(**values))
        connection.execute(delete(table).where(_own(row.account, old)))
    connection.execute(update(table).where(table.c.paper == old).values(paper=new))


def kept(connection: Connection, account: str, now: datetime, *, tag: str = "", words: str = "") -> list[Kept]:
    """The papers of a shelf, the last that was saved first.

    Args:
        tag: only those with this tag.
        words: only those that have all of these in what the paper or the account says.
    """
    table = schema.shelf
    query = select(table).where(table.c.account == account).order_by(table.c.added.desc(), table.c.paper)
    rows = {row.paper: row for row in connection.execute(query)}
    wanted, looked = plain(tag).strip().casefold(), plain(words).casefold().split()
    found = [
        Kept(entry, tuple(json.loads(row.tags)), row.note, row.added, row.read)
        for entry in entries(connection, list(rows), aware(now))
        for row in [rows[entry.id]]
    ]
    return [each for each in found if (not wanted or wanted in each.tags) and _has(each, looked)]


def papers(connection: Connection, account: str) -> set[str]:
    """The keys of the papers that are kept."""
    return set(connection.scalars(select(schema.shelf.c.paper).where(schema.shelf.c.account == account)))


def tags_of(given: Iterable[str]) -> list[str]:
    """Tags in one form: small letters, single blanks, each once, sorted.

    Raises:
        InputError: too many, or one that is too long.

    >>> tags_of(["Graph  nets", "graph nets", " ", "b"])
    ['b', 'graph nets']
    """
    found = sorted({" ".join(plain(each).casefold().split()) for each in given} - {""})
    require(len(found) <= TAGS, f"a paper has at most {TAGS} tags, got {len(found)}")
    require(all(len(each) <= TAG for each in found), f"a tag has at most {TAG} letters")
    return found


def _has(each: Kept, words: list[str]) -> bool:
    entry = each.entry
    parts = (entry.title, *entry.authors, entry.abstract, *entry.keywords, *each.tags, each.note)
    text = "\n".join(parts).casefold()
    return all(word in text for word in words)


def _own(account: str, paper: str) -> Any:
    return (schema.shelf.c.account == account) & (schema.shelf.c.paper == paper)
