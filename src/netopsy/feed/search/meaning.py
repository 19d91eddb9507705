"""Search by meaning: nearness to the vectors of whole texts, then to each passage of the nearest ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from netopsy.feed.search.files import LISTS, WHOLE
from netopsy.feed.search.keys import Keys, mapped

EXACT = 50_000
"""Allowed papers up to which nearness is worked out for just these, however many there are in all."""
LOOKED_AT, LEAST = 1 / 6, 32
"""The share of the lists that is looked at, and how many at least."""
AGAIN = 50
"""Of the nearest by 8 bits so many are put in order by all bits."""
AMONG = 1.5
"""Where many papers are allowed, they are looked for among the nearest of all: so many times as many as hold enough of
them where they lie anywhere."""


@runtime_checkable
class Allowed(Protocol):
    """The papers that filters let through."""

    @property
    def count(self) -> int:
        """How many they are."""

    def numbers(self) -> NDArray[np.int64]:
        """Their numbers (see `netopsy.feed.search.keys.number_of`)."""

    def among(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The numbers of those of them that are among some papers."""


class Meaning:
    """The vectors of all papers that have some, mapped from their files, which `build` wrote."""

    def __init__(self, folder: Path) -> None:
        import faiss

        self.ids = Keys(folder)
        faiss.omp_set_num_threads(1)  # torch brings threads of its own
        self.index = faiss.read_index(str(folder / WHOLE), faiss.IO_FLAG_MMAP_IFC)
        listed = folder / LISTS
        self.lists: Any = faiss.read_index(str(listed), faiss.IO_FLAG_MMAP) if listed.is_file() else None
        self.starts, self.scales, self.passages = (
            mapped(folder / f"{name}.npy") for name in ("starts", "scales", "passages")
        )

    def __len__(self) -> int:
        return len(self.ids)

    def nearest(self, vector: NDArray[np.float32], many: int, allowed: Allowed | None) -> list[str]:
        """The papers whose whole text is nearest: exact up to 200,000 papers or 50,000 allowed ones.

        Args:
            allowed: only among these.
        """
        if allowed is None:
            return self.ids.names(self._near(vector, many))
        if allowed.count > EXACT:  # to list them all would take longer
            near = self._near(vector, round(AMONG * many * len(self) / allowed.count))
            good = near[np.isin(near, self.ids.rows(allowed.among(self.ids.names(near))))]
            if len(good) >= many:
                return self.ids.names(good[:many])
        return self.ids.names(self._near(vector, many, self.ids.rows(allowed.numbers())))

    def _near(self, vector: NDArray[np.float32], many: int, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        """The rows that are nearest, of some where they are said."""
        count = min(many, len(self) if rows is None else len(rows))
        if count == 0:
            return np.empty(0, np.int64)
        if self.lists is None or rows is not None:
            _, found = self.index.search(vector[None], count, params=_only(rows, len(self)))
            return np.asarray(found[0][found[0] >= 0])
        _, found = self.lists.search(vector[None], count, params=self._probing())
        near = found[0][found[0] >= 0]
        again = self.index.reconstruct_batch(near[:AGAIN]) @ vector
        near[:AGAIN] = near[:AGAIN][np.argsort(-again, kind="stable")]
        return np.asarray(near)

    def neighbours(self, key: str, many: int) -> list[str]:
        """The papers whose whole text is nearest to that of one of them, itself left out; none if it has no vector."""
        row = self.ids.row(key)
        if row is None:
            return []
        own = np.ascontiguousarray(self.index.reconstruct(row), np.float32)
        return [each for each in self.nearest(own, many + 1, None) if each != key][:many]

    def nearness(self, vector: NDArray[np.float32], ids: Sequence[str]) -> dict[str, tuple[float, int]]:
        """The mean of the cosine of its whole text and that of its nearest passage, and which passage that is."""
        rows = self.ids.rows_of(ids)
        if not rows:
            return {}
        wholes, found = self.index.reconstruct_batch(np.array(list(rows.values()), np.int64)) @ vector, {}
        for (key, row), whole in zip(rows.items(), wholes, strict=True):
            start, end = self.starts[row : row + 2]
            cosines = (self.passages[start:end].astype(np.float32) @ vector) * self.scales[start:end]
            best = int(cosines.argmax())
            found[key] = (float(whole) + float(cosines[best])) / 2, best
        return found

    def _probing(self) -> Any:
        """How faiss is told how many lists to look at."""
        import faiss

        probed = round(max(LEAST, self.lists.nlist * LOOKED_AT))
        parameters: Any = faiss.SearchParametersIVF
        return parameters(nprobe=min(self.lists.nlist, probed))


def _only(rows: NDArray[np.int64] | None, among: int) -> Any:
    """How faiss is told to look at those rows alone, of so many."""
    import faiss

    if rows is None:
        return None
    bits = np.zeros(among, np.uint8)
    bits[rows] = 1
    selector: Any = faiss.IDSelectorBitmap  # takes an array in place of a length and a pointer
    parameters: Any = faiss.SearchParameters
    return parameters(sel=selector(np.packbits(bits, bitorder="little")))
