"""How near papers are to those that a subscriber likes, from the vectors beside the index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from netopsy.feed.interests import Background
from netopsy.feed.search.index import SearchIndex
from netopsy.feed.search.vectors import Vectors

BACKGROUND = 30_000
"""Papers that tell what papers are like on the whole."""


class Taste:
    """Reads the vectors once, and only when somebody likes a paper."""

    def __init__(self, index: SearchIndex | None) -> None:
        self._index = index
        self._read: tuple[dict[str, NDArray[np.float16]], Background | None] | None = None

    def scores(self, liked: Sequence[str], papers: Sequence[str]) -> dict[str, float]:
        """How much one who likes those papers would like these; empty where meaning does not cover what is liked."""
        if not liked or not papers:
            return {}
        vectors, background = self._all()
        positive = [vectors[each] for each in liked if each in vectors]
        known = [each for each in papers if each in vectors]
        if background is None or not positive or not known:
            return {}
        directions = background.directions(np.mean(np.asarray(positive, np.float64), axis=0))
        found = background.scores(directions, np.asarray([vectors[each] for each in known], np.float64))[0]
        return dict(zip(known, map(float, found), strict=True))

    def _all(self) -> tuple[dict[str, NDArray[np.float16]], Background | None]:
        if self._read is None:
            file = None if self._index is None else self._index.folder / "vectors.db"
            vectors = {key: whole for key, whole, _, _ in Vectors(file).all()} if file and file.is_file() else {}
            some = np.asarray(list(vectors.values())[-BACKGROUND:], np.float64)
            alike = len(some) < 2 or not np.ptp(some, axis=0).any()
            self._read = vectors, None if alike else Background.fitted(some)
        return self._read
