"""A matrix row by row: blocks of rows are filled by threads, each with room of its own, and packed in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Array = np.ndarray[Any, np.dtype[Any]]
Kernel = Callable[..., int]
Block = tuple[int, int]
Room = tuple[Array, Array]

BLOCK = 1 << 17
"""Entries that a block of rows may have at most, one row at least: it stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The parts of a CSR matrix; columns are unsigned."""

    starts: Array
    indices: Array
    values: Array

    @property
    def parts(self) -> tuple[Array, Array, Array]:
        """As the kernels take them."""
        return self.starts, self.indices, self.values

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
    counts = np.zeros(len(bounds), np.int64)
    blocks = list(_blocks(bounds))
    widest = 1 + max(int(bounds[first:last].sum()) for first, last in blocks)

    def fill(block: Block, room: Room) -> int:
        return int(kernel(*block, *given, *room, counts))

    try:
        # Memory that is never touched costs nothing, so there is room for the bound, and it is cut back in the end.
        packed = _room(int(bounds.sum()), kind)
    except MemoryError:
        spare = _room(widest, kind)
        packed = _room(sum(fill(block, spare) for block in blocks), kind)
    used = _pack(fill, blocks, packed, widest, threads)
    for array in packed:
        array.resize(used, refcheck=False)
    return Rows(np.concatenate([[0], np.cumsum(counts)]), *packed)


def _pack(fill: Callable[[Block, Room], int], blocks: list[Block], packed: Room, widest: int, threads: int) -> int:
    """Fill all blocks and put what they hold one behind the other; returns how much it is."""
    begins: list[Future[int]] = [Future() for _ in range(len(blocks) + 1)]
    begins[0].set_result(0)
    own = threading.local()

    def work(number: int) -> None:
        if not hasattr(own, "room"):
            own.room = _room(widest, packed[1].dtype)
        try:
            written = fill(blocks[number], own.room)
            begin = begins[number].result()  # blocks are begun in order, so the one before is done or at work
            begins[number + 1].set_result(begin + written)
        except BaseException as error:
            begins[number + 1].set_exception(error)
            raise
        for to, source in zip(packed, own.room, strict=True):
            to[begin : begin + written] = source[:written]

    if threads == 1:
        for number in range(len(blocks)):
            work(number)
        return begins[-1].result()
    pool = ThreadPoolExecutor(threads)
    try:
        for done in [pool.submit(work, number) for number in range(len(blocks))]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)
    return begins[-1].result()


def _room(entries: int, kind: Any) -> Room:
    return np.empty(entries, np.uint32), np.empty(entries, kind)


def _blocks(bounds: Array) -> Iterator[Block]:
    edges = np.flatnonzero(np.diff(np.cumsum(bounds) // BLOCK)) + 1
    first = 0
    for last in [*edges.tolist(), len(bounds)]:
        if last > first:
            yield first, last
            first = last
