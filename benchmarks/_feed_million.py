"""An index of a million made-up papers, made by the code that follows a database, without one."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
from sqlalchemy import create_engine

from benchmarks.timing import Bound, Share, seconds
from netopsy.feed.search import documents
from netopsy.feed.search import index as indexing
from netopsy.feed.search.documents import Document
from netopsy.feed.search.index import SearchIndex
from netopsy.feed.search.keys import number_of
from netopsy.feed.search.meaning import _only

SIZE, PART = 1_000_000, 10_000
WIDTH, VOCABULARY = 384, 20_000
DIRECTIONS, NOISE = 32, 0.3
"""In which made-up texts differ, and how much of a vector has nothing to do with them."""
QUESTIONS, FIRST = 50, 10
MEMORY = 6
"""GB."""


class Million:
    """Words and vectors of so many papers, with two passages each."""

    size = SIZE

    def __init__(self, folder: Path, encode: Callable[[Sequence[str]], np.ndarray]) -> None:
        self.index, self.encode = SearchIndex(folder / "million"), encode
        random = np.random.default_rng(11)
        basis = random.standard_normal((DIRECTIONS, WIDTH)).astype(np.float32)

        def vectors(texts: Sequence[str]) -> np.ndarray:
            made = random.standard_normal((len(texts), DIRECTIONS), np.float32) @ basis
            made += NOISE * DIRECTIONS**0.5 * random.standard_normal((len(texts), WIDTH), np.float32)
            return made / np.linalg.norm(made, axis=1, keepdims=True)

        self.vectors = vectors

    def benchmarks(self, query: str) -> Iterator[Bound | Share]:
        """Make it, search in it, and count how many of the nearest are found."""
        with (
            mock.patch.object(documents, "changed", _changed),
            mock.patch.object(indexing, "encoder", return_value=self.vectors),
            mock.patch.object(indexing, "searches_by_meaning", return_value=True),
        ):
            took = seconds(lambda: self.index.update(create_engine("sqlite://")))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"  {SIZE:,} papers in {took:,.0f} s, {peak:.1f} GB at most")
        yield Share(f"feed_memory_{SIZE}_below_{MEMORY}_GB", lambda: float(peak <= MEMORY), 1.0)
        yield Bound(f"feed_search_{SIZE}", partial(self.index.search, query), 0.15, rounds=9)
        filtered = f"{query} day:2026-01-01..2026-01-30"  # a tenth of them
        yield Bound(f"feed_search_{SIZE}_a_tenth_allowed", partial(self.index.search, filtered), 0.15, rounds=9)
        for share, name in ((1.0, "all"), (0.1, "a_tenth"), (0.01, "a_hundredth")):
            yield Share(f"feed_recall_{SIZE}_{name}_allowed", partial(self.recall, share), 0.95)

    def recall(self, share: float) -> float:
        """Of the 10 nearest of those papers by all vectors, how many are among the first 10 that are found."""
        meaning, random, right = self.index._opened_meaning(), np.random.default_rng(12), 0
        assert meaning is not None
        allowed = np.sort(random.choice(SIZE, round(SIZE * share), replace=False))
        passing = _These({meaning.ids[row] for row in allowed})
        for vector in self.vectors([""] * QUESTIONS):
            _, exact = meaning.index.search(vector[None], FIRST, params=_only(allowed, SIZE))
            found = meaning.nearest(vector, 200, None if share == 1 else passing)[:FIRST]
            right += len({meaning.ids[row] for row in exact[0]} & set(found))
        return right / (FIRST * QUESTIONS)


class _These:
    """Papers as filters let them through."""

    def __init__(self, ids: set[str]) -> None:
        self.ids, self.count = ids, len(ids)

    def numbers(self) -> np.ndarray:
        return np.fromiter(map(number_of, self.ids), np.int64, self.count)

    def among(self, ids: Sequence[str]) -> np.ndarray:
        return np.array([number_of(key) for key in ids if key in self.ids], np.int64)


def made_up_words(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Words that are as frequent as in texts, by Zipf's law."""
    weights = 1 / np.arange(1, VOCABULARY + 1)
    words = np.array([f"w{number}" for number in range(VOCABULARY)])
    return words[random.choice(VOCABULARY, shape, p=weights / weights.sum())]


def _changed(connection: object, after: int) -> Iterator[Document]:
    for start in range(after, SIZE, PART):
        for number, words in enumerate(made_up_words(np.random.default_rng(start), (PART, 120)), start + 1):
            yield Document(
                seq=number,
                id=f"doi:10.1000/{number}",
                aliases=(),
                title=" ".join(words[:8]),
                authors=(f"A. {words[8]}", f"B. {words[9]}"),
                abstract=" ".join(words[10:]),
                keywords=(),
                categories=("cs.LG",),
                slug=None,
                day=date(2026, 1, 1) + timedelta(number % 300),
                hidden=False,
                runnable=False,
                verdicts=frozenset(),
            )
