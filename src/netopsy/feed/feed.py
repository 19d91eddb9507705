"""The feed as one object: the same verbs as the command line."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, select

from netopsy.catalogue.search import searches_by_meaning
from netopsy.core.errors import InputError, lookup, require
from netopsy.core.texts import plain
from netopsy.feed import comments, lists, schema, submissions, syndication, votes
from netopsy.feed.calendar import day_after, day_named, day_of, zone_named
from netopsy.feed.comments import Comment
from netopsy.feed.database import feed_folder, open_database, site_zone, writing
from netopsy.feed.fetching import Fetcher
from netopsy.feed.identifiers import identified, parse
from netopsy.feed.lists import Entry, Period
from netopsy.feed.records import Record
from netopsy.feed.search import query as typed
from netopsy.feed.search.index import SearchIndex, State, UnwritableError
from netopsy.feed.sources import catalogue, feeds, files
from netopsy.feed.store import Ingested, ingest, put
from netopsy.feed.submissions import Submitted
from netopsy.feed.updates import ARCHIVES, Update, brought, by_number, from_feeds, update
from netopsy.feed.writes import Writes

Bad = Callable[[str, str], object]
NAMED = ("today", "day", "week", "month", "trending", "top", "search")
_SOURCES = (
    select(schema.source_state)
    .where(~schema.source_state.c.source.contains("#"))
    .order_by(schema.source_state.c.source)
)


def _silent(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Hit:
    """A paper that was found, and its sentence that comes nearest."""

    entry: Entry
    score: float
    passage: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return self.entry.to_json() | {"score": round(self.score, 4), "passage": self.passage}


class Feed:
    """Papers by day, what is trending, search; in a database and an index beside it.

    >>> import tempfile
    >>> feed = Feed.open(f"sqlite:///{tempfile.mkdtemp()}/papers.db")
    >>> day, papers = feed.today()
    >>> day.isoformat(), len(papers), feed.show("grokking").id
    ('2025-03-14', 51, 'arxiv:2310.06110')
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.index = SearchIndex(folder)
        self.writes = Writes(engine)

    @classmethod
    def open(cls, url: str | None = None, *, zone: str = "UTC", now: datetime | None = None) -> Feed:
        """The feed at that database, with the papers of the catalogue in it.

        Args:
            url: ``sqlite:///FILE`` or ``postgresql+psycopg://...``; what ``NETOPSY_FEED`` says, or one file of the
                user's, where it is not given.
            zone: whose dates are the days of a new feed.

        Raises:
            InputError: see `netopsy.feed.database.open_database`.
        """
        engine = open_database(url, zone=zone)
        _take_catalogue(engine, now or datetime.now(UTC))
        return cls(engine, _index_folder(engine))

    @property
    def zone(self) -> str:
        """Whose dates are its days."""
        with self.engine.connect() as connection:
            return site_zone(connection)

    def today(self, *, now: datetime | None = None) -> tuple[date, list[Entry]]:
        """The papers of today, or of the latest day that has any, and which day that is."""
        with self.engine.connect() as connection:
            return lists.today(connection, now or datetime.now(UTC))

    def day(self, name: str, *, now: datetime | None = None) -> list[Entry]:
        """The papers of a day such as ``2026-11-28``."""
        start = day_named(name)
        with self.engine.connect() as connection:
            return lists.of_days(connection, start, day_after(start), now or datetime.now(UTC))

    def week(self, name: str, *, now: datetime | None = None) -> list[Entry]:
        """The papers of an ISO week such as ``2026-W48``."""
        with self.engine.connect() as connection:
            return lists.week(connection, name, now or datetime.now(UTC))

    def month(self, name: str, *, now: datetime | None = None) -> list[Entry]:
        """The papers of a month such as ``2026-11``."""
        with self.engine.connect() as connection:
            return lists.month(connection, name, now or datetime.now(UTC))

    def trending(self, limit: int = 50, *, now: datetime | None = None) -> list[Entry]:
        """What is talked about most; see `netopsy.feed.ranking.trending`."""
        with self.engine.connect() as connection:
            return lists.trending(connection, now or datetime.now(UTC), limit)

    def top(self, period: Period = "week", limit: int = 50, *, now: datetime | None = None) -> list[Entry]:
        """What got the most votes in this week or month."""
        with self.engine.connect() as connection:
            return lists.top(connection, period, now or datetime.now(UTC), limit)

    def show(self, name: str, *, now: datetime | None = None) -> Entry:
        """The paper of that slug, arXiv number, DOI or address."""
        with self.engine.connect() as connection:
            return lists.entry(connection, name, now or datetime.now(UTC))

    def search(
        self, text: str, limit: int = 10, *, now: datetime | None = None, follow: bool = True, meaning: bool = True
    ) -> list[Hit]:
        """The papers nearest to what is typed (words, "phrases", -words, ``author:``, ``room:``, ``day:A..B``,
        ``verdict:holds``, ``runnable:``), best first; one that it names by number or address comes first.

        Args:
            follow: whether to read what is new for its meaning before, however long it takes. Otherwise that is left
                to another process, and words follow where none is at it.
            meaning: whether to look at more than words.

        Raises:
            InputError: nothing is typed, or a limit that is none.
        """
        require(isinstance(text, str) and text.strip(), "a search needs a few words, got an empty text")
        lists.check_limit(limit)
        unread = None if follow else 0
        try:
            self.follow(encode=unread, wait=follow or not self.index.present())
        except UnwritableError:  # what is there is searched
            if not self.index.present():
                raise
        most = limit if not _only_filters(text) else 10_000
        try:
            found = self.index.search(text, most, meaning=meaning)
        except Exception:  # whatever is wrong with a derived file, it is made anew
            self.index.rebuild(self.engine, encode=unread)
            found = self.index.search(text, most, meaning=meaning)
        moment = now or datetime.now(UTC)
        with self.engine.connect() as connection:
            entries = {one.id: one for one in lists.entries(connection, [each.id for each in found], moment)}
            first = self._named(connection, text, moment)
        if _only_filters(text):  # nothing is nearer than another: the newest first
            ordered = sorted(entries.values(), key=lambda one: (-(one.day or date.min).toordinal(), one.id))
            return [Hit(one, 0.0, "") for one in ordered[:limit]]
        hits = [
            Hit(entries[each.id], each.score, _passage(entries[each.id], each.passage))
            for each in found
            if each.id in entries and (first is None or each.id != first.id)
        ]
        return [*([Hit(first, 1.0, first.title)] if first else []), *hits][:limit]

    def similar(self, paper: str, limit: int = 5, *, now: datetime | None = None) -> list[Entry]:
        """The papers nearest in meaning to the one of that key, nearest first; none while they have not been read."""
        lists.check_limit(limit)
        found = self.index.neighbours(paper, limit)
        with self.engine.connect() as connection:
            known = {one.id: one for one in lists.entries(connection, found, now or datetime.now(UTC))}
        return [known[key] for key in found if key in known]

    def follow(self, *, encode: int | None = None, wait: bool = True) -> State:
        """Bring the index to where the database is; reads at most ``encode`` papers for their meaning.

        Args:
            wait: for another process that does so at the moment.
        """
        state = self.index.state()
        unread = encode != 0 and searches_by_meaning() and state.understood < state.papers
        if unread or state.seq == 0 or not self.index.present() or self.index.behind(self.engine):
            return self.index.update(self.engine, encode=encode, wait=wait)
        return state

    def import_file(
        self,
        path: str | Path,
        *,
        day: str | None = None,
        now: datetime | None = None,
        bad: Bad = _silent,
    ) -> Ingested:
        """Take in the papers of a file: JSON, JSON lines, BibTeX, RIS; or of the feeds that an OPML lists, over the
        network. Each of them may be gzipped.

        Args:
            day: that they are listed on; those of a feed are on the day that it gives them, unless this is given.
            bad: is told where a paper or feed is that cannot be taken, and why; the others come in.
        """
        on, moment = None if day is None else day_named(day), now or datetime.now(UTC)
        listed = feeds.listed(path, bad)
        if listed is None:
            found = ingest(self.engine, files.read(path, bad, day=on), now=moment)
        else:
            with closing(Fetcher(self.engine)) as fetcher:
                found = from_feeds(self.engine, listed, now=moment, fetcher=fetcher, bad=bad, day=on)
        with writing(self.engine) as connection:
            submissions.admit(connection)
        return found

    def update(
        self,
        source: str,
        *,
        day: str | None = None,
        archives: Sequence[str] = ARCHIVES,
        contact: str = "",
        force: bool = False,
        now: datetime | None = None,
        bad: Bad = _silent,
    ) -> Update:
        """Ask a source over the network for what is new: ``arxiv``, ``arxiv-archive`` or ``huggingface``."""
        moment = now or datetime.now(UTC)
        on = day_of(moment, zone_named(self.zone)) if day is None else day_named(day)
        fetcher = Fetcher(self.engine, contact=contact)
        try:
            return update(
                self.engine, source, now=moment, day=on, fetcher=fetcher, bad=bad, archives=archives, force=force
            )
        finally:
            fetcher.close()

    def fetch(self, name: str, *, now: datetime | None = None, bad: Bad = _silent) -> Entry:
        """The paper of that arXiv number, asked of arXiv where it is not in the feed yet."""
        wanted = identified(name)
        require(wanted.kind == "arxiv", f"only papers of arXiv can be fetched, got {wanted.key}")
        moment, fetcher = now or datetime.now(UTC), Fetcher(self.engine)
        try:
            by_number(self.engine, [wanted], now=moment, fetcher=fetcher, bad=bad)
        finally:
            fetcher.close()
        return self.show(wanted.key, now=moment)

    def submit(self, name: str, account: str, *, note: str = "", now: datetime | None = None) -> Submitted:
        """Bring a paper in the name of an account; nothing is fetched. See `netopsy.feed.submissions.submit`."""
        _check_account(account)
        return submissions.submit(self.engine, name, account, note=note, now=now or datetime.now(UTC))

    def fetch_submitted(self, *, now: datetime | None = None, bad: Bad = _silent) -> Ingested:
        """Ask arXiv for the papers that were brought and wait for it."""
        fetcher = Fetcher(self.engine)
        try:
            return brought(self.engine, now=now or datetime.now(UTC), fetcher=fetcher, bad=bad)
        finally:
            fetcher.close()

    def comments(self, name: str, *, now: datetime | None = None) -> list[Comment]:
        """What readers say of a paper, what they find most helpful first."""
        found = self.show(name, now=now)
        with self.engine.connect() as connection:
            return comments.of_paper(connection, found.id)

    def vote(self, name: str, account: str, *, now: datetime | None = None) -> bool:
        """Vote for a paper in the name of an account; ``False`` where it has done so before."""
        _check_account(account)
        found = self.show(name, now=now)
        with writing(self.engine) as connection:
            return votes.cast(connection, found.id, account, now or datetime.now(UTC))

    def take_back(self, name: str, account: str) -> bool:
        """Take a vote back; ``False`` where there was none."""
        found = self.show(name)
        with writing(self.engine) as connection:
            return votes.take_back(connection, found.id, account)

    def listed(self, what: str, limit: int = 50, *, now: datetime | None = None) -> tuple[str, list[Entry]]:
        """A list by how it is written, and its title: ``today``, ``trending``, ``top week``, ``2026-11-28``,
        ``2026-W48``, ``2026-11``; anything else is searched for.
        """
        what = plain(what)
        words = what.split()
        if what == "today":
            day, found = self.today(now=now)
            return f"Papers of {day}", found
        if what == "trending":
            return "Trending papers", self.trending(limit, now=now)
        if words[:1] == ["top"]:
            period: Any = words[1] if len(words) == 2 else "week"
            return f"Top papers of this {period}", self.top(period, limit, now=now)
        reading: list[tuple[Literal["day", "week", "month"], int]] = [("week", 8), ("month", 7), ("day", 10)]
        for name, length in reading:
            if len(what) == length and what[:4].isdecimal() and what[4] == "-":
                try:
                    return f"Papers of {what}", getattr(self, name)(what, now=now)
                except InputError:
                    continue
        return f"Papers about {what}", [hit.entry for hit in self.search(what, limit, now=now)]

    def export(self, what: str, kind: str, limit: int = 50, *, now: datetime | None = None) -> str:
        """A list of `listed` for other programs, in a format of `netopsy.feed.syndication.FORMATS`."""
        lookup("format", kind, syndication.FORMATS)
        moment = now or datetime.now(UTC)
        title, found = self.listed(what, limit, now=moment)
        return syndication.write(kind, found, syndication.Channel(title), moment)

    def sources(self) -> list[dict[str, Any]]:
        """How each source that was asked answered last."""
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(_SOURCES)]

    def close(self) -> None:
        """Close the database."""
        self.writes.close()
        self.engine.dispose()

    def _named(self, connection: Any, text: str, now: datetime) -> Entry | None:
        if parse(text) is None:
            return None
        try:
            return lists.entry(connection, text, now)
        except InputError:
            return None


def _take_catalogue(engine: Engine, now: datetime) -> None:
    """Take the catalogue's papers in, unless these very papers have been taken in before."""
    (records, mark), table = _catalogue(), schema.setting
    with engine.connect() as connection:
        known = connection.scalar(select(table.c.value).where(table.c.name == catalogue.NAME))
    if known != mark:
        ingest(engine, records, now=now)
        with writing(engine) as connection:
            put(connection, table, [{"name": catalogue.NAME, "value": mark}], ("name",))


@cache
def _catalogue() -> tuple[tuple[Record, ...], str]:
    """Its papers, and a mark by which they are known again."""
    records = tuple(catalogue.read())
    return records, hashlib.blake2b(repr(list(records)).encode(), digest_size=16).hexdigest()


def _check_account(account: str) -> None:
    require(isinstance(account, str) and 0 < len(account) <= 36, "account must be a name of 1 to 36 characters")


def _only_filters(text: str) -> bool:
    return not typed.parse(text).text


def _passage(entry: Entry, number: int | None) -> str:
    if number is None:
        return entry.title
    from netopsy.feed.search.documents import passages_of

    own = passages_of(entry.title, entry.keywords, entry.abstract)
    return own[number] if number < len(own) else entry.title


def _index_folder(engine: Engine) -> Path:
    address = engine.url
    if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
        file = Path(str(address.database)).expanduser().absolute()
        return file.with_name(f"{file.name}.index")
    if address.get_backend_name() == "sqlite":
        import atexit

        folder = tempfile.mkdtemp(prefix="netopsy-index-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)
    name = hashlib.blake2b(f"{address.host}:{address.port}/{address.database}".encode(), digest_size=8).hexdigest()
    return feed_folder() / f"index-{name}"
