"""Search by meaning: nearness to the vectors of whole texts, then to each passage of the nearest ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netopsy.feed.search.files import LISTS, WHOLE
from netopsy.feed.search.keys import Keys, mapped

EXACT = 50_000
"""Allowed papers up to which nearness is worked out for just these, however many there are in all."""
LOOKED_AT, LEAST = 1 / 12, 32
"""The share of the lists that is looked at, where all papers are allowed, and how many at least."""
AGAIN = 50
"""Of the nearest by 8 bits so many are put in order by all bits."""


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

    def nearest(self, vector: NDArray[np.float32], many: int, allowed: NDArray[np.int64] | None) -> list[str]:
        """The papers whose whole text is nearest: exact up to 200,000 papers or 50,000 allowed ones.

        Args:
            allowed: only among the papers of those numbers (see `netopsy.feed.search.keys.number_of`).
        """
        rows = None if allowed is None else self.ids.rows(allowed)
        count = min(many, len(self) if rows is None else len(rows))
        if count == 0:
            return []
        if self.lists is None or (rows is not None and len(rows) <= EXACT):
            _, found = self.index.search(vector[None], count, params=self._only(rows))
            return [self.ids[row] for row in found[0] if row >= 0]
        _, found = self.lists.search(vector[None], count, params=self._only(rows, listed=True))
        near = found[0][found[0] >= 0]
        first = near[:AGAIN]
        again = self.index.reconstruct_batch(first) @ vector
        return [self.ids[row] for row in (*first[np.argsort(-again, kind="stable")], *near[AGAIN:])]

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

    def _only(self, rows: NDArray[np.int64] | None, *, listed: bool = False) -> Any:
        """How faiss is told to look at those rows alone; the fewer they are, at the more lists."""
        import faiss

        options: dict[str, Any] = {}
        if rows is not None:
            bits = np.zeros(len(self), np.uint8)
            bits[rows] = 1
            selector: Any = faiss.IDSelectorBitmap  # takes an array in place of a length and a pointer
            options["sel"] = selector(np.packbits(bits, bitorder="little"))
        if not listed:
            return faiss.SearchParameters(**options) if options else None
        rarer = 1.0 if rows is None else (len(self) / len(rows)) ** 0.5
        probed = round(max(LEAST, self.lists.nlist * LOOKED_AT) * rarer)
        parameters: Any = faiss.SearchParametersIVF
        return parameters(nprobe=min(self.lists.nlist, probed), **options)
