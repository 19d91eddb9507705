"""Which paper is in which row: all of it mapped from files, so that a million names cost a process nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from netopsy.feed.search.files import NAMES


def number_of(key: str) -> int:
    """A number of 63 bits that stands for a paper's key.

    >>> 0 <= number_of("arxiv:2004.02866") < 2**63
    True
    """
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) >> 1


def write_keys(folder: Path, ids: Sequence[str]) -> None:
    """Write what `Keys` reads: the names by row, and the rows by number."""
    words = [each.encode() for each in ids]
    numbers = np.fromiter(map(number_of, ids), np.int64, len(ids))
    order = np.argsort(numbers)
    starts = np.concatenate(([0], np.cumsum([len(each) for each in words], dtype=np.int64)))
    np.save(folder / "ids.npy", np.frombuffer(b"".join(words), np.uint8))
    np.save(folder / "id_starts.npy", starts.astype(np.int64))
    np.save(folder / "numbers.npy", numbers[order])
    np.save(folder / "rows.npy", order.astype(np.int64))


def mapped(file: Path) -> NDArray[Any]:
    """An array in a file that is read where it is looked at, as a plain one: those of numpy are slow to take apart."""
    return np.asarray(np.load(file, mmap_mode="r")).view(np.ndarray)


class Keys:
    """The names of rows."""

    def __init__(self, folder: Path) -> None:
        self._text, self._starts, self._numbers, self._rows = (mapped(folder / each) for each in NAMES)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: SupportsIndex) -> str:
        return self.names(np.array([int(row)]))[0]

    def names(self, rows: NDArray[np.int64]) -> list[str]:
        """The names of rows, in their order."""
        text, starts, ends = self._text.data, self._starts[rows].tolist(), self._starts[rows + 1].tolist()
        return [str(text[start:end], "utf-8") for start, end in zip(starts, ends, strict=True)]

    def row(self, key: str) -> int | None:
        """The row of a paper; ``None`` where it has none."""
        return self.rows_of([key]).get(key)

    def rows_of(self, wanted: Sequence[str]) -> dict[str, int]:
        """The rows of papers, in the order in which they are asked for, as far as they have any."""
        found = self.rows(np.fromiter(map(number_of, wanted), np.int64, len(wanted)))
        named = dict(zip(self.names(found), found.tolist(), strict=True))
        return {key: named[key] for key in wanted if key in named}

    def rows(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the papers of those numbers, as far as they have any."""
        if not len(self):
            return np.empty(0, np.int64)
        places = np.minimum(np.searchsorted(self._numbers, numbers), len(self) - 1)
        return np.asarray(self._rows[places[self._numbers[places] == numbers]])
