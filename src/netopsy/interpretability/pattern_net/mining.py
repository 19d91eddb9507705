"""Sets of items that are frequent in one class and rare in the others: exact, on packed bits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.interpretability.pattern_net.firing import Peaks

Words = NDArray[np.uint64]

SMOOTHING = 1e-3
"""Added to the share among the others, so that a set that never occurs there has a finite lift."""
_TOGETHER = 4096


@dataclass(frozen=True)
class Itemset:
    """A set of items, and how often they occur together."""

    cls: int
    items: tuple[int, ...]
    """Ascending."""
    inside: int
    """Images of the class in which it fires."""
    outside: int
    """Other images in which it fires."""
    support: float
    """Share of the class's images in which it fires."""
    background: float
    """Share of the other images in which it fires; an average over images, not over classes."""

    @property
    def lift(self) -> float:
        """Support over background (plus 0.001)."""
        return self.support / (self.background + SMOOTHING)


class _Firings:
    """Which images each pair of items fires in, at most some cells apart, as bits."""

    def __init__(self, fired: NDArray[np.bool_], rows: NDArray, columns: NDArray, radius: int | None) -> None:
        self.fired, self.rows, self.columns, self.radius = fired, rows, columns, radius
        self.singles = _packed(fired.T)
        self._place: NDArray[np.int64] | None = None

    def remember(self, pairs: NDArray[np.int64], bits: Words) -> None:
        """Keep the bits of the pairs ``[m, 2]`` that are frequent; from here on the others count as never firing."""
        self._place = np.full((len(self.singles), len(self.singles)), len(pairs))
        self._place[pairs[:, 0], pairs[:, 1]] = np.arange(len(pairs))
        self._kept = np.concatenate([bits, np.zeros((1, self.singles.shape[1]), np.uint64)])

    def pairs(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Words:
        if self._place is not None:
            return self._kept[self._place[first, second]]
        parts = []
        for start in range(0, len(first), _TOGETHER):
            one, other = first[start : start + _TOGETHER], second[start : start + _TOGETHER]
            both = self.singles[one] & self.singles[other]
            if self.radius is not None:
                apart = np.abs(self.rows[:, one] - self.rows[:, other])
                apart = np.maximum(apart, np.abs(self.columns[:, one] - self.columns[:, other]))
                both &= _packed((apart <= self.radius).T)
            parts.append(both)
        return np.concatenate(parts) if parts else np.zeros((0, self.singles.shape[1]), np.uint64)

    def sets(self, items: NDArray[np.int64]) -> Words:
        """Bits of sets ``[m, k]``: co-location is mutual, so a set fires where all its pairs do."""
        if items.shape[1] == 1:
            return self.singles[items[:, 0]]
        bits = np.full((len(items), self.singles.shape[1]), ~np.uint64(0), np.uint64)
        for a, b in combinations(range(items.shape[1]), 2):
            bits &= self.pairs(items[:, a], items[:, b])
        return bits


@checked
def frequent_itemsets(
    fired: Bool[Tensor, "images items"],
    labels: Int[Tensor, "images"],
    cls: int,
    *,
    peaks: Peaks | None = None,
    radius: int | None = 1,
    max_size: int = 3,
    min_support: float = 0.5,
) -> list[Itemset]:
    """All sets of up to ``max_size`` items with enough support in a class: Apriori, exact.

    A set fires in an image if all its items do and, where ``peaks`` are given, the peaks are mutually within ``radius``
    cells. Neither can become true by adding an item, so a set is frequent only if all its subsets are.

    Args:
        peaks: where each item peaks in each image; without them co-location does not count.
        radius: in cells, rows and columns each; ``None`` for no co-location.

    Returns:
        Sets by size, then by their items.

    Raises:
        InputError: labels that do not fit, no image of the class or none of another, or an option out of range.

    >>> import torch
    >>> fired = torch.tensor([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 1, 0]]).bool()
    >>> found = frequent_itemsets(fired, torch.tensor([0, 0, 0, 1]), 0, max_size=2)
    >>> [(one.items, one.inside, one.outside) for one in found]
    [((0,), 3, 0), ((1,), 2, 1), ((0, 1), 2, 0)]
    """
    check_options(fired, labels, max_size, min_support)
    require(radius is None or radius >= 0, f"radius must be at least 0 cells, or None, got {radius}")
    own = (labels == cls).cpu().numpy()
    require(own.any(), f"labels hold no image of class {cls}")
    require(not own.all(), f"labels hold class {cls} alone; a pattern needs other images to be told from")
    inside, outside = (_firings(fired, peaks, radius, part) for part in (own, ~own))
    here, others = int(own.sum()), int((~own).sum())
    found: list[Itemset] = []
    for items, counts in _levels(inside, here, max_size, min_support):
        chunks = (outside.sets(items[at : at + _TOGETHER]) for at in range(0, len(items), _TOGETHER))
        if items.shape[1] == 2:
            pairs = np.concatenate(list(chunks))
            outside.remember(items, pairs)  # every pair in a larger frequent set is one of these
            rare = _counted(pairs)
        else:
            rare = np.concatenate([_counted(bits) for bits in chunks])
        found += [
            Itemset(cls, tuple(row), int(n), int(m), int(n) / here, int(m) / others)
            for row, n, m in zip(items.tolist(), counts, rare, strict=True)
        ]
    return found


@checked
def mine_itemsets(
    fired: Bool[Tensor, "images items"],
    labels: Int[Tensor, "images"],
    *,
    peaks: Peaks | None = None,
    radius: int | None = 1,
    min_size: int = 2,
    max_size: int = 3,
    min_support: float = 0.5,
    min_lift: float = 5.0,
    per_class: int = 5,
    redundancy: float = 0.95,
    overlap: float = 0.8,
) -> list[Itemset]:
    """The most telling frequent sets of each class: of high lift, none explained by a part of it or by another.

    A set is dropped if a part of it has at least ``redundancy`` of its lift; then, highest lift first, one is kept if
    the images it fires in are not those of one already kept (Jaccard similarity below ``overlap``).

    Args:
        min_size: sets of fewer items are not returned; one item alone is a filter and not a pattern.

    Returns:
        Sets class by class, the highest lift first; no entry for a class that has none.

    Raises:
        InputError: as `frequent_itemsets`, or images of one class only.

    >>> import torch
    >>> fired = torch.tensor([[1, 1], [1, 1], [1, 0], [0, 1]]).bool()
    >>> [(found.cls, found.items) for found in mine_itemsets(fired, torch.tensor([0, 0, 1, 1]))]
    [(0, (0, 1))]
    """
    check_options(fired, labels, max_size, min_support)
    require(1 <= min_size <= max_size, f"min_size must be from 1 to max_size, {max_size}, got {min_size}")
    classes = labels.unique().tolist()
    require(len(classes) > 1, f"labels must hold at least two classes, got {classes}")
    found: list[Itemset] = []
    for cls in classes:
        frequent = frequent_itemsets(
            fired, labels, cls, peaks=peaks, radius=radius, max_size=max_size, min_support=min_support
        )
        lifts = {one.items: one.lift for one in frequent}
        able = [
            one
            for one in frequent
            if len(one.items) >= min_size and one.lift >= min_lift and not _explained(one, lifts, redundancy)
        ]
        able.sort(key=lambda one: (-one.lift, -one.support, one.items))
        everywhere = _firings(fired, peaks, radius, np.ones(len(labels), bool))
        found += _different(able, everywhere, per_class, overlap)
    return found


def check_options(fired: Tensor, labels: Tensor, max_size: int, min_support: float) -> None:
    """Raise `InputError` unless one can mine with these."""
    for name, given in (("fired", fired), ("labels", labels)):
        require(isinstance(given, Tensor), f"{name} must be a tensor, got {type(given).__name__}")
    require(fired.ndim == 2 and fired.numel() > 0, f"fired must be [images, items], got {tuple(fired.shape)}")
    require(
        labels.shape == fired.shape[:1], f"labels must be [{len(fired)}], one for each image, got {tuple(labels.shape)}"
    )
    require(max_size >= 1, f"max_size must be at least 1, got {max_size}")
    require(0 < min_support <= 1, f"min_support must be above 0 and at most 1, got {min_support}")


def _firings(fired: Tensor, peaks: Peaks | None, radius: int | None, which: NDArray[np.bool_]) -> _Firings:
    positions = np.zeros((0, 0)) if peaks is None else None
    rows = positions if peaks is None else peaks.rows.cpu().numpy()[which].astype(np.int32)
    columns = positions if peaks is None else peaks.columns.cpu().numpy()[which].astype(np.int32)
    assert rows is not None
    assert columns is not None
    return _Firings(fired.cpu().numpy()[which], rows, columns, None if peaks is None else radius)


def _levels(
    firings: _Firings, images: int, max_size: int, min_support: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Frequent sets ``[m, k]`` and their counts, for k = 1, 2, ..."""
    least = min_support * images * (1 - 1e-12)
    counts = _counted(firings.singles)
    items = np.flatnonzero(counts >= least)[:, None]
    bits, counts = firings.singles[items[:, 0]], counts[items[:, 0]]
    for size in range(1, max_size + 1):
        if not len(items):
            return
        yield items, counts
        if size == max_size:
            return
        one, other = _joins(items)
        parts = []
        for start in range(0, len(one), _TOGETHER):
            a, b = one[start : start + _TOGETHER], other[start : start + _TOGETHER]
            joined = np.concatenate([items[a], items[b][:, -1:]], 1)
            new = bits[a] & bits[b] & firings.pairs(joined[:, -2], joined[:, -1])
            number = _counted(new)
            kept = number >= least
            parts.append((joined[kept], new[kept], number[kept]))
        if not parts:
            return
        items, bits, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
        if size == 1:
            firings.remember(items, bits)


def _joins(items: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of sets that differ in their last item alone; ``items`` are sorted."""
    prefix = items[:, :-1]
    starts = np.flatnonzero(np.r_[True, (prefix[1:] != prefix[:-1]).any(1)]) if items.shape[1] > 1 else np.array([0])
    ends = np.r_[starts[1:], len(items)]
    pairs = [np.stack(np.triu_indices(end - start, 1)) + start for start, end in zip(starts, ends, strict=True)]
    joined = np.concatenate(pairs, 1)
    return joined[0], joined[1]


def _explained(one: Itemset, lifts: dict[tuple[int, ...], float], redundancy: float) -> bool:
    return any(
        lifts[part] >= redundancy * one.lift
        for size in range(1, len(one.items))
        for part in combinations(one.items, size)
    )


def _different(able: Sequence[Itemset], firings: _Firings, most: int, overlap: float) -> list[Itemset]:
    kept: list[Itemset] = []
    seen: list[Words] = []
    for one in able:
        if len(kept) == most:
            break
        bits = firings.sets(np.array([one.items]))[0]
        if all(_counted(bits & other) < overlap * _counted(bits | other) for other in seen):
            kept.append(one)
            seen.append(bits)
    return kept


def _packed(rows: NDArray[np.bool_]) -> Words:
    """Rows of bits as rows of 64-bit words, filled up with zeros."""
    packed = np.packbits(rows, axis=1)
    spare = -packed.shape[1] % 8
    return np.ascontiguousarray(np.pad(packed, ((0, 0), (0, spare)))).view(np.uint64)


def _counted(words: Words) -> Any:
    return np.bitwise_count(words).sum(-1, dtype=np.int64)
