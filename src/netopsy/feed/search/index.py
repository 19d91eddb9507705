"""The index of all papers: derived from the database, followed change by change, thrown away and made anew at will."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, func, select

from netopsy.catalogue.search import encoder, searches_by_meaning
from netopsy.core.errors import InputError
from netopsy.feed import schema
from netopsy.feed.search import query as typed
from netopsy.feed.search.files import FILES

if TYPE_CHECKING:  # what takes time to load is loaded by whoever searches
    from netopsy.feed.search.documents import Document
    from netopsy.feed.search.meaning import Meaning
    from netopsy.feed.search.vectors import Vectors
    from netopsy.feed.search.words import Words

CANDIDATES = 200
"""Papers that words and meaning propose, each."""
WORDS = 0.2
"""What the best match by words adds to nearness, which is at most 1."""
AT_ONCE = 20_000
"""Papers that are taken in together."""
VERSION = 2


@dataclass(frozen=True)
class Found:
    """A paper that was found."""

    id: str
    score: float
    passage: int | None
    """The number of its nearest passage, where meaning was asked."""


@dataclass(frozen=True)
class State:
    """How far the index follows the database."""

    seq: int
    papers: int
    understood: int
    """Papers that meaning covers."""


class UnwritableError(InputError):
    """The index can neither be followed nor made: a full disk, a place that is not ours."""


class SearchIndex:
    """An index in a folder; any number of processes may read it, one at a time follows the database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._words: Words | None = None
        self._meaning: tuple[tuple[str, int], Meaning] | None = None

    def state(self) -> State:
        """How far it has come; 0 where there is none, or one that cannot be read."""
        return self._stored()[0]

    def _stored(self) -> tuple[State, dict[str, int]]:
        """How far it has come, and how long its files are."""
        try:
            stored = json.loads((self.folder / "state.json").read_text())
            assert stored["version"] == VERSION
            state = State(int(stored["seq"]), int(stored["papers"]), int(stored["understood"]))
            return state, {str(name): int(size) for name, size in stored["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError):
            return State(0, 0, 0), {}

    def behind(self, engine: Engine) -> int:
        """How many changes of papers it has not seen."""
        with engine.connect() as connection:
            query = select(func.count()).where(schema.paper.c.seq > self.state().seq)
            return int(connection.scalar(query) or 0)

    def update(self, engine: Engine, *, encode: int | None = None, wait: bool = True) -> State:
        """Follow the database, and read up to ``encode`` papers for their meaning, all where it is not said.

        Interrupted, it goes on where it was. An index that cannot be read is made anew.

        Args:
            wait: for another process that does so at the moment; otherwise the index is left as that one will have it.
        """
        with self._written(wait) as alone:
            if not alone:
                return self.state()
            try:
                return self._followed(engine, encode)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # the file of vectors is none any more, and made anew as all that is derived
                for ending in ("", "-wal", "-shm"):
                    (self.folder / f"vectors.db{ending}").unlink(missing_ok=True)
                return self._followed(engine, encode)

    def _followed(self, engine: Engine, encode: int | None) -> State:
        from netopsy.feed.search.vectors import Vectors
        from netopsy.feed.search.words import Words

        state = self.state()
        if state.seq == 0 or not self._readable(state):
            for each in ("words", "meaning"):
                shutil.rmtree(self.folder / each, ignore_errors=True)
            state = State(0, 0, 0)
            self._words = self._meaning = None
        vectors, words = Vectors(self.folder / "vectors.db"), Words(self.folder / "words")
        seq, fresh = state.seq, set()
        for some in _pages(engine, seq):
            words.update(some)
            vectors.note(some)
            seq = some[-1].seq
            fresh |= {one.id for one in some}
        unread = set(vectors.unread())
        added = self._understand(engine, vectors, unread, state.seq if unread <= fresh else 0, encode)
        understood = state.understood
        if fresh or added or self._generation() is None:
            understood = self._rebuild(vectors)
        state = State(seq, len(words), understood)
        stored = {"version": VERSION, "seq": seq, "papers": state.papers, "understood": understood}
        unfinished = self.folder / "state.new"
        unfinished.write_text(json.dumps(stored | {"files": self._lengths()}))
        unfinished.replace(self.folder / "state.json")
        self._words = None
        return state

    def rebuild(self, engine: Engine, *, encode: int | None = None) -> State:
        """Throw everything away but the vectors of texts, and make it anew."""
        with self._written():
            (self.folder / "state.json").unlink(missing_ok=True)
        return self.update(engine, encode=encode)

    def present(self) -> bool:
        """Whether all of its parts are there and as long as they were; what is in them shows when they are read.

        A file that was cut short while it is mapped ends the process that reads on.
        """
        if self._generation() is None or not (self.folder / "words" / "meta.json").is_file():
            return False
        try:
            return all((self.folder / name).stat().st_size == size for name, size in self._stored()[1].items())
        except OSError:
            return False

    def _lengths(self) -> dict[str, int]:
        """Of the files that are read in parts."""
        generation = self._generation()
        folders = [self.folder / "words", *([self.folder / "meaning" / generation] if generation else [])]
        files = [each for folder in folders for each in sorted(folder.iterdir()) if each.suffix != ".lock"]
        return {str(each.relative_to(self.folder)): each.stat().st_size for each in files}

    @contextmanager
    def _written(self, wait: bool = True) -> Iterator[bool]:
        """Alone with the folder, which is made where there is none; a fault of the disk is one sentence."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with _alone(self.folder, wait) as alone:
                yield alone
        except (OSError, sqlite3.OperationalError) as error:
            raise UnwritableError(f"the index of search {str(self.folder)!r} cannot be written: {error}") from None

    def search(self, text: str, limit: int = 10, *, meaning: bool = True) -> list[Found]:
        """The papers that are nearest to what was typed, best first; those that it names outright before all others.

        Args:
            meaning: whether it may ask for the encoder, which takes long to load; words alone are looked at otherwise.
        """
        query = typed.parse(text)
        words = self._opened_words()
        if not query.text:
            return [Found(key, 0.0, None) for key in words.allowed(query)] if query.filters else []
        matches = words.found(query, CANDIDATES)
        named = words.named(query, CANDIDATES)
        read = self._opened_meaning() if meaning and searches_by_meaning() else None
        near: dict[str, tuple[float, int]] = {}
        if read is not None and len(read):
            import numpy as np

            vector = np.ascontiguousarray(encoder()([query.text])[0], np.float32)
            allowed = words.passing(query) if query.filters else None
            nearest = read.nearest(vector, CANDIDATES, allowed)
            near = read.nearness(vector, list(dict.fromkeys([*nearest, *matches, *named])))
        most = max(matches.values(), default=0.0)
        found = []
        for key in dict.fromkeys([*named, *near, *matches]):
            nearness, passage = near.get(key, (0.0, None))
            by_words = matches.get(key, 0.0) / most if most > 0 else 0.0
            found.append(Found(key, fused(nearness, by_words), passage))
        found.sort(key=lambda one: (one.id not in named, -one.score, one.id))
        return found[:limit]

    def neighbours(self, paper: str, limit: int) -> list[str]:
        """The papers whose meaning is nearest to that of one, as far as they were read; the encoder is not needed."""
        meaning = self._opened_meaning()
        return [] if meaning is None else meaning.neighbours(paper, limit)

    def _understand(self, engine: Engine, vectors: Vectors, unread: set[str], after: int, most: int | None) -> int:
        """Read those papers, which changed after that number, up to ``most`` of them; how many were read."""
        if not unread or most == 0 or not searches_by_meaning():
            return 0
        read = 0
        for some in _pages(engine, after):
            left = None if most is None else most - read
            if left == 0:
                break
            wanted = vectors.missing([one for one in some if one.id in unread])[:left]
            if wanted:
                vectors.make(wanted, encoder())
            read += len(wanted)
        return read

    def _rebuild(self, vectors: Vectors) -> int:
        from netopsy.feed.search.building import build

        place = self.folder / "meaning"
        place.mkdir(exist_ok=True)
        old = self._generation()
        name = str(max((int(one.name) for one in place.iterdir() if one.name.isdecimal()), default=0) + 1)
        count = build(vectors, place / name, place / old if old else None)
        (place / "current.new").write_text(name)
        (place / "current.new").replace(place / "current")
        for one in place.iterdir():  # one generation back may still be read
            if one.is_dir() and one.name not in (name, old):
                shutil.rmtree(one, ignore_errors=True)
        return count

    def _generation(self) -> str | None:
        try:
            name = (self.folder / "meaning" / "current").read_text().strip()
        except OSError:
            return None
        whole = name.isdecimal() and all((self.folder / "meaning" / name / each).is_file() for each in FILES)
        return name if whole else None

    def _readable(self, state: State) -> bool:
        try:
            from netopsy.feed.search.meaning import Meaning
            from netopsy.feed.search.vectors import Vectors
            from netopsy.feed.search.words import Words

            if not self.present() or (state.papers and not len(Words(self.folder / "words"))):
                return False
            if Vectors(self.folder / "vectors.db").owners() < state.papers:
                return False
            name = self._generation()
            if name is not None:
                Meaning(self.folder / "meaning" / name)
            return name is not None
        except Exception:  # whatever is wrong with a derived file, it is made anew
            return False

    def _opened_words(self) -> Words:
        if self._words is None:
            from netopsy.feed.search.words import Words

            self._words = Words(self.folder / "words")
        self._words.index.reload()
        return self._words

    def _opened_meaning(self) -> Meaning | None:
        name = self._generation()
        if name is None:
            return None
        place = self.folder / "meaning" / name
        made = (place / FILES[0]).stat().st_mtime_ns  # a number is given again where all was made anew
        if self._meaning is None or self._meaning[0] != (name, made):
            from netopsy.feed.search.meaning import Meaning

            self._meaning = (name, made), Meaning(place)
        return self._meaning[1]


def fused(nearness: float, by_words: float) -> float:
    """Nearness, and a fifth of how well the words match beside the best match of them.

    >>> fused((0.4 + 0.6) / 2, 8 / 10), fused(0.5, 0.0)
    (0.66, 0.5)
    """
    return nearness + WORDS * by_words


def _pages(engine: Engine, after: int) -> Iterator[list[Document]]:
    """The papers that changed after that number, a part at a time: between two the database is free."""
    from netopsy.feed.search.documents import changed

    while True:
        with engine.connect() as connection:
            some = list(islice(changed(connection, after), AT_ONCE))
        if not some:
            return
        yield some
        after = some[-1].seq


@contextmanager
def _alone(folder: Path, wait: bool) -> Iterator[bool]:
    """Hold the lock of a folder; ``False`` where another holds it that is not waited for."""
    import fcntl

    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            alone = True
        except BlockingIOError:
            alone = False
        yield alone
