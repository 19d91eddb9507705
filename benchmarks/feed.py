"""Papers by day at 10^5 papers: taking them in, following them, finding them; beside FTS5 and a classifier a reader."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks._feed_million import Million, made_up_words
from benchmarks.timing import Bound, Comparison, Growth, Share
from netopsy.catalogue.search import encoder
from netopsy.feed import Feed
from netopsy.feed.interests import Background
from netopsy.feed.records import Record, record
from netopsy.feed.search import index as indexing
from netopsy.feed.search.query import parse
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SIZES = (51, 10_000, 100_000)
WIDTH = 384
OURS = 51
"""Papers of the catalogue, which are there from the start."""
READERS, CANDIDATES, TIMED_READERS = 10_000, 500, 20


def benchmarks(*, large: bool = False) -> Iterator[Comparison | Bound | Growth | Share]:
    """The words are drawn as they are in texts, by Zipf's law; vectors are random.

    Args:
        large: also a million papers, which takes a quarter of an hour, 5 GB of disk and 6 GB of memory.
    """
    exact_encoder, indexing.encoder = encoder(), lambda: _random_vectors
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield from _taking_in(Path(folder))
            feeds = {size: _filled(Path(folder) / f"{size}.db", size) for size in SIZES}
            largest = feeds[SIZES[-1]]
            days = count(1)

            def a_day() -> None:
                ingest(largest.engine, papers(1_000, first=SIZES[-1] + 1_000 * next(days)), now=NOW)

            def a_day_indexed() -> None:
                a_day()
                largest.follow()

            yield Bound("feed_ingest_a_day_of_1000_into_100000", a_day, 3.0, rounds=3)
            yield Bound("feed_ingest_a_day_and_index_it", a_day_indexed, 8.0, rounds=1)
            query = "convolutional networks " + " ".join(_words(np.random.default_rng(5), 8))
            with closing(_fts5(Path(folder) / "fts5.db", papers(SIZES[-1]))) as database:
                ours = partial(largest.index._opened_words().found, parse(query), 200)
                other = partial(_ask_fts5, database, query)
                yield Comparison("feed_words_ten", ours, other, target=0.05, peer_name="FTS5", rounds=5)
            indexing.encoder = lambda: exact_encoder
            yield Bound("feed_search_warm", partial(largest.search, query), 0.08, rounds=9)
            yield Bound("feed_page_of_a_day", partial(largest.day, "2025-03-14"), 0.015, rounds=9)
            work = {size: partial(feed.index.search, query) for size, feed in feeds.items()}
            if large:
                million = Million(Path(folder), exact_encoder)
                yield from million.benchmarks(query)
                work[million.size] = partial(million.index.search, query)
            yield Growth("feed_search", work, size_name="papers")
            for feed in feeds.values():
                feed.close()
    finally:
        indexing.encoder = encoder
    yield _for_you()


def _taking_in(folder: Path) -> Iterator[Bound]:
    """Into a new database every time."""
    texts, numbers = papers(SIZES[-1]), count()

    def fresh() -> None:
        feed = Feed.open(f"sqlite:///{folder}/fresh-{next(numbers)}.db", now=NOW)
        ingest(feed.engine, texts, now=NOW)
        feed.close()

    yield Bound(f"feed_ingest_{SIZES[-1]}", fresh, 120.0, rounds=1)


def _filled(file: Path, size: int) -> Feed:
    feed = Feed.open(f"sqlite:///{file}", now=NOW)
    ingest(feed.engine, papers(size - OURS), now=NOW)
    feed.follow()
    return feed


def papers(many: int, first: int = 0) -> list[Record]:
    """Papers of made-up words, of 300 days."""
    chosen = made_up_words(np.random.default_rng(first), (many, 120))
    return [
        record(
            "made-up",
            title=" ".join(chosen[number, :8]),
            names=[f"{20 + (first + number) // 90_000:02}01.{10_000 + (first + number) % 90_000:05}"],
            authors=[f"A. {chosen[number, 8]}", f"B. {chosen[number, 9]}"],
            abstract=". ".join(" ".join(chosen[number, start : start + 36]).capitalize() for start in (10, 46, 82))
            + ".",
            day=date(2026, 1, 1) + timedelta((first + number) % 300),
        )
        for number in range(many)
    ]


def _words(random: np.random.Generator, count: int) -> list[str]:
    return list(made_up_words(random, (1, count))[0])


def _random_vectors(texts: Sequence[str]) -> np.ndarray:
    random = np.random.default_rng(len(texts))
    found = random.standard_normal((len(texts), WIDTH), np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _fts5(file: Path, texts: Sequence[Record]) -> sqlite3.Connection:
    database = sqlite3.connect(file)
    database.execute("create virtual table paper using fts5(title, abstract, tokenize='porter')")
    database.executemany("insert into paper values (?, ?)", ((one.title, one.abstract) for one in texts))
    database.commit()
    return database


def _ask_fts5(database: sqlite3.Connection, query: str) -> list[tuple[int]]:
    words = " OR ".join(query.split())
    return database.execute("select rowid from paper where paper match ? order by rank limit 200", (words,)).fetchall()


def _for_you() -> Comparison:
    """Scores of all readers at once; the other way fits one linear classifier a reader, of whom only some are timed."""
    from sklearn.svm import LinearSVC

    random = np.random.default_rng(0)
    vectors, likes = (random.standard_normal((count, WIDTH)) for count in (30_000, READERS))
    known, fresh = Background.fitted(vectors), random.standard_normal((CANDIDATES, WIDTH))

    def ours() -> None:
        known.scores(known.directions(likes), fresh)

    def theirs() -> None:
        for reader in range(TIMED_READERS):
            truth = np.zeros(len(vectors), int)
            truth[reader * 10 : reader * 10 + 10] = 1
            LinearSVC(class_weight="balanced", max_iter=100).fit(vectors, truth).decision_function(fresh)

    name = f"feed_for_you_{READERS}_readers_beside_{TIMED_READERS}"
    share = TIMED_READERS / READERS
    return Comparison(name, ours, theirs, target=0.001 / share, peer_name="LinearSVC", rounds=1)
