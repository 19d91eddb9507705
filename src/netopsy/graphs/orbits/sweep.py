"""A matrix row by row: blocks of rows are filled by threads, each with room of its own, and packed in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, np.dtype[Any]]
Kernel = Callable[..., int]

BLOCK = 1 << 18
"""Entries that a block of rows may have at most, one row at least: it stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The parts of a CSR matrix."""

    starts: Array
    indices: Array
    values: Array

    def matrix(self) -> sparse.csr_array:
        """As scipy has it, without a copy of the entries."""
        n, total = len(self.starts) - 1, int(self.starts[-1])
        kind = np.int32 if max(total, n) < 2**31 else np.int64
        parts = (self.values, self.indices.view(np.int32).astype(kind, copy=False), self.starts.astype(kind))
        matrix = sparse.csr_array(parts, shape=(n, n))
        matrix.has_sorted_indices = matrix.has_canonical_format = True
        return matrix


def sweep(kernel: Kernel, given: tuple[Any, ...], bounds: Array, kind: Any, threads: int) -> Rows:
    """All rows of a matrix from a kernel ``(first, last, *given, indices, values, counts) -> entries written``.

    Args:
        bounds: what each row can hold at most.
        kind: the type of the values.
    """
    n = len(bounds)
    counts = np.zeros(n, np.int64)
    blocks = list(_blocks(bounds))
    widest = max(int(bounds[first:last].sum()) for first, last in blocks)

    def fill(first: int, last: int, room: tuple[Array, Array]) -> int:
        return int(kernel(first, last, *given, *room, counts))

    def new_room() -> tuple[Array, Array]:
        return np.empty(widest, np.uint32), np.empty(widest, kind)

    try:
        # Memory that is never touched costs nothing, so the room is made for the bound and cut back.
        indices, values = np.empty(int(bounds.sum()), np.uint32), np.empty(int(bounds.sum()), kind)
    except MemoryError:
        total = sum(written for written, _ in _in_order(fill, new_room, blocks, threads))
        indices, values = np.empty(total, np.uint32), np.empty(total, kind)
    used = 0
    for written, room in _in_order(fill, new_room, blocks, threads):
        indices[used : used + written] = room[0][:written]
        values[used : used + written] = room[1][:written]
        used += written
    for array in (indices, values):
        array.resize(used, refcheck=False)
    return Rows(np.concatenate([[0], np.cumsum(counts)]), indices, values)


def _blocks(bounds: Array) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.cumsum(bounds) // BLOCK)) + 1
    first = 0
    for last in [*edges.tolist(), len(bounds)]:
        if last > first:
            yield first, last
            first = last


def _in_order(
    fill: Callable[[int, int, tuple[Array, Array]], int],
    new_room: Callable[[], tuple[Array, Array]],
    blocks: Iterable[tuple[int, int]],
    threads: int,
) -> Iterator[tuple[int, tuple[Array, Array]]]:
    """What each block wrote and where, in the order of the rows; at most one block a thread waits to be taken."""
    if threads == 1:
        room = new_room()
        for first, last in blocks:
            yield fill(first, last, room), room
        return
    with ThreadPoolExecutor(threads) as pool:
        free = [new_room() for _ in range(2 * threads)]
        running: deque[tuple[Future[int], tuple[Array, Array]]] = deque()
        for first, last in blocks:
            if not free:
                done, room = running.popleft()
                yield done.result(), room
                free.append(room)
            room = free.pop()
            running.append((pool.submit(fill, first, last, room), room))
        while running:
            done, room = running.popleft()
            yield done.result(), room
