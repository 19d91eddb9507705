"""Vectors of texts by the hash of the text, kept once they are made."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netopsy.core.progress import Task
from netopsy.feed.search.documents import Document

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
WIDTH = 384
TOGETHER = 64
"""Papers that are encoded at once."""


class Vectors:
    """A file of vectors: of whole texts in half precision, of their passages in 8 bits with a scale each."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with closing(self._open()) as database:
            database.executescript(
                "create table if not exists vector (hash text primary key, whole blob not null, scales blob not null,"
                " passages blob not null);"
                "create table if not exists owner (id text primary key, hash text not null);"
            )

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.file, timeout=30)
        database.execute("pragma journal_mode=wal")
        return database

    def note(self, documents: Iterable[Document]) -> None:
        """Note which text is whose now; one that is hidden has none, nor has a name that another took the place of."""
        with closing(self._open()) as database, database:
            for each in documents:
                database.executemany("delete from owner where id = ?", [(name,) for name in {each.id, *each.aliases}])
                if not each.hidden:
                    database.execute("insert into owner values (?, ?)", (each.id, each.hash))

    def missing(self, documents: Sequence[Document]) -> list[Document]:
        """Those whose text has no vectors yet, one a text."""
        with closing(self._open()) as database:
            known = {
                one.hash
                for one in documents
                if database.execute("select 1 from vector where hash = ?", (one.hash,)).fetchone()
            }
        return [one for key, one in {one.hash: one for one in documents if not one.hidden}.items() if key not in known]

    def owners(self) -> int:
        """Of how many papers it is noted which text is theirs."""
        with closing(self._open()) as database:
            return int(database.execute("select count(*) from owner").fetchone()[0])

    def unread(self) -> list[str]:
        """The papers whose text has no vectors yet."""
        with closing(self._open()) as database:
            query = "select id from owner where hash not in (select hash from vector) order by id"
            return [key for (key,) in database.execute(query)]

    def make(self, documents: Sequence[Document], encode: Encode) -> None:
        """Encode texts; what is encoded stays when it is interrupted."""
        with Task("reading papers for their meaning", len(documents)) as task:
            for start in range(0, len(documents), TOGETHER):
                some = documents[start : start + TOGETHER]
                self._keep(some, encode)
                task.advance(len(some))

    def _keep(self, some: Sequence[Document], encode: Encode) -> None:
        texts = [text for one in some for text in (one.whole, *one.passages)]
        found, position, rows = encode(texts), 0, []
        for one in some:
            count = len(one.passages)
            whole, own = found[position], found[position + 1 : position + 1 + count]
            position += 1 + count
            scales = np.abs(own).max(1).astype(np.float32) / 127
            small = np.rint(own / scales[:, None]).astype(np.int8)
            rows.append((one.hash, whole.astype(np.float16).tobytes(), scales.tobytes(), small.tobytes()))
        with closing(self._open()) as database, database:
            database.executemany("insert or ignore into vector values (?, ?, ?, ?)", rows)

    def counts(self) -> tuple[int, int]:
        """How many papers have vectors, and how many passages they have together."""
        query = "select count(*), coalesce(sum(length(passages)), 0) from owner join vector using (hash)"
        with closing(self._open()) as database:
            papers, size = database.execute(query).fetchone()
        return int(papers), int(size) // WIDTH

    def all(self) -> Iterator[tuple[str, NDArray[np.float16], NDArray[np.float32], NDArray[np.int8]]]:
        """Of each paper that has vectors: its key, the vector of its text, scales and vectors of its passages."""
        query = "select id, whole, scales, passages from owner join vector using (hash) order by id"
        with closing(self._open()) as database:
            for key, whole, scales, passages in database.execute(query):
                own = np.frombuffer(passages, np.int8).reshape(-1, WIDTH)
                yield key, np.frombuffer(whole, np.float16), np.frombuffer(scales, np.float32), own
