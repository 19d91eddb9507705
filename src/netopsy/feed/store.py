"""Taking records into the database: the same twice changes nothing, and the order of sources does not matter."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, select, update

from netopsy.core.progress import Task
from netopsy.feed import schema, shelf, signals
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.known import Known, parts
from netopsy.feed.records import Record
from netopsy.feed.votes import cast

BATCH = 1000
"""Records a transaction."""


@dataclass(frozen=True)
class Ingested:
    """What taking records in has changed."""

    new: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: Ingested) -> Ingested:
        return Ingested(self.new + other.new, self.changed + other.changed, self.same + other.same)


def ingest(engine: Engine, records: Iterable[Record], *, now: datetime) -> Ingested:
    """Take records in, a thousand a transaction; what was taken in stays when it is interrupted.

    Args:
        now: when the records were seen.

    Returns:
        papers that are new, that changed, and records that changed nothing.
    """
    moment, total = aware(now), Ingested()
    with Task("taking papers in") as task:
        for batch in _batches(records):
            with writing(engine) as connection:
                total += _Batch(connection, moment).take(batch)
            task.advance(len(batch))
    return total


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for each in records:
        batch.append(each)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class _Batch:
    """Records that are taken in together: what is known of their papers is read once and written once."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection, self.now = connection, now
        self.owner: dict[str, Known] = {}
        self.before: dict[str, Known] = {}

    def take(self, records: Sequence[Record]) -> Ingested:
        """Take them in."""
        self._read({name for each in records for name in _names(each)})
        same = 0
        for each in records:
            owners = list({id(own): own for name in _names(each) if (own := self.owner.get(name)) is not None}.values())
            own, *others = owners or [Known()]
            was = copy.deepcopy(own) if not others else None
            for other in others:
                own.absorb(other)
            own.take(each)
            for name in own.names:
                self.owner[name] = own
            same += own == was
        new, changed = self._write()
        return Ingested(new, changed, same)

    def _read(self, names: set[str]) -> None:
        table = schema.paper_alias
        found = self._rows(select(table.c.paper).distinct(), table.c.alias, names)
        ids = {row.paper for row in found}
        known = {each: Known() for each in ids}
        for row in self._rows(select(table), table.c.paper, ids):
            known[row.paper].names.add(row.alias)
        for row in self._rows(select(schema.paper), schema.paper.c.id, ids):
            own = known[row.id]
            own.text = (row.text_rank, row.text_version, row.title, row.abstract, row.authors, row.keywords)
            own.categories, own.published = frozenset(parts(row.categories)), row.published
            own.slug, own.hidden = row.slug, row.hidden
        for row in self._rows(select(schema.paper_version), schema.paper_version.c.paper, ids):
            known[row.paper].versions[row.n] = (row.text_rank, row.title, row.abstract)
        for row in self._rows(select(schema.featured), schema.featured.c.paper, ids):
            known[row.paper].day = row.day
        for row in self._rows(select(schema.listing), schema.listing.c.paper, ids):
            known[row.paper].listings[row.source] = (row.day, row.upvotes)
        self.before = {key: copy.deepcopy(each) for key, each in known.items()}
        self.owner = {name: each for each in known.values() for name in each.names}

    def _rows(self, query: Any, column: Any, values: Iterable[str]) -> Iterator[Any]:
        ordered = sorted(values)
        for start in range(0, len(ordered), BATCH):
            yield from self.connection.execute(query.where(column.in_(ordered[start : start + BATCH])))

    def _write(self) -> tuple[int, int]:
        after = {own.key: own for own in self.owner.values()}
        gone = {key: self.owner[key].key for key in self.before if key not in after}
        changed = {key: own for key, own in after.items() if own != self.before.get(key)}
        if not changed:
            return 0, 0
        first = numbered(self.connection, len(changed))
        rows = [own.row() | {"seq": first + number} for number, own in enumerate(changed.values())]
        self._free_slugs(gone)
        put(self.connection, schema.paper, rows, ("id",))
        for old, new in gone.items():
            self._move(old, new)
        empty = Known()
        for table, keys, made in (
            (schema.paper_alias, ("alias",), _aliases),
            (schema.paper_version, ("paper", "n"), self._versions),
            (schema.featured, ("paper",), _days),
            (schema.listing, ("source", "paper"), _listings),
        ):
            new_rows = [row for key, own in changed.items() for row in made(key, own, self.before.get(key, empty))]
            put(self.connection, table, new_rows, keys)
        fresh = len([key for key in changed if key not in self.before and key not in gone.values()])
        return fresh, len(changed) - fresh

    def _free_slugs(self, gone: Iterable[str]) -> None:
        keys = list(gone)
        if keys:
            self.connection.execute(update(schema.paper).where(schema.paper.c.id.in_(keys)).values(slug=None))

    def _move(self, old: str, new: str) -> None:
        """Votes, runs, names, readers and comments of a paper that is known under another key now."""
        alias, carried = schema.paper_alias, schema.delivery_paper
        for said in (schema.vote, schema.first_run):
            twice = select(said.c.account).where(said.c.paper == new)
            self.connection.execute(delete(said).where(said.c.paper == old, said.c.account.in_(twice)))
        shelf.move(self.connection, old, new)
        had = select(carried.c.subscriber).where(carried.c.paper == new)
        self.connection.execute(delete(carried).where(carried.c.paper == old, carried.c.subscriber.in_(had)))
        for table in (schema.vote, schema.first_run, alias, carried, schema.comment):
            self.connection.execute(update(table).where(table.c.paper == old).values(paper=new))
        self._move_submission(old, new)
        self.connection.execute(delete(schema.paper).where(schema.paper.c.id == old))
        signals.recount(self.connection, new)

    def _move_submission(self, old: str, new: str) -> None:
        """Of two accounts that brought it under different names the first has brought it, the other votes."""
        table = schema.submission
        rows = self.connection.execute(select(table).where(table.c.paper.in_((old, new))).order_by(table.c.at)).all()
        if [row.paper for row in rows] == [old]:
            self.connection.execute(update(table).where(table.c.paper == old).values(paper=new))
        elif len(rows) == 2:
            first, second = rows
            self.connection.execute(delete(table).where(table.c.paper == old))
            kept = {"account": first.account, "at": first.at, "note": first.note}
            self.connection.execute(update(table).where(table.c.paper == new).values(**kept))
            if second.account not in (None, first.account):
                cast(self.connection, new, second.account, second.at)

    def _versions(self, key: str, own: Known, was: Known) -> Iterator[dict[str, Any]]:
        for number, (rank, title, abstract) in own.versions.items():
            if was.versions.get(number) != (rank, title, abstract):
                text = {"title": title, "abstract": abstract, "text_rank": rank}
                yield {"paper": key, "n": number, **text, "seen": self.now}


def _names(record: Record) -> list[str]:
    return [record.id.key, *(each.key for each in record.aliases)]


def _aliases(key: str, own: Known, was: Known) -> Iterator[dict[str, Any]]:
    return ({"alias": name, "paper": key} for name in sorted(own.names - was.names))


def _days(key: str, own: Known, was: Known) -> Iterator[dict[str, Any]]:
    if own.day != was.day:
        yield {"paper": key, "day": own.day}


def _listings(key: str, own: Known, was: Known) -> Iterator[dict[str, Any]]:
    for source, (day, upvotes) in own.listings.items():
        if was.listings.get(source) != (day, upvotes):
            yield {"source": source, "paper": key, "day": day, "upvotes": upvotes}


def numbered(connection: Connection, many: int = 1, *, what: str = "seq") -> int:
    """The first of ``many`` numbers that follow all that were given out to changes of papers, or of ``what``."""
    table = schema.setting
    query = select(table.c.value).where(table.c.name == what).with_for_update()
    last = int(connection.scalar(query) or 0)
    put(connection, table, [{"name": what, "value": str(last + many)}], ("name",))
    return last + 1


def list_on(connection: Connection, paper: str, source: str, day: date) -> None:
    """List a paper that is known on a day, in the name of a source; where it was on an earlier one, it stays there."""
    listing, featured = schema.listing, schema.featured
    own = connection.scalar(select(listing.c.day).where(listing.c.source == source, listing.c.paper == paper))
    put(connection, listing, [{"source": source, "paper": paper, "day": min(own or day, day)}], ("source", "paper"))
    before = connection.scalar(select(featured.c.day).where(featured.c.paper == paper))
    put(connection, featured, [{"paper": paper, "day": min(before or day, day)}], ("paper",))
    touch(connection, paper)


def touch(connection: Connection, paper: str) -> None:
    """Let the index and whoever else follows changes know that a paper is another now."""
    number = numbered(connection)
    connection.execute(update(schema.paper).where(schema.paper.c.id == paper).values(seq=number))


def put(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    """Insert rows; of those that are there, what is given takes the place of what was, by the columns ``keys``."""
    if not rows:
        return
    insert: Any = import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)
    others = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=others), list(rows))
