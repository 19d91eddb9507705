"""Writes the files that search by meaning reads, from the vectors of all papers, without holding all of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from netopsy.feed.search import keys
from netopsy.feed.search.files import LISTS, WHOLE
from netopsy.feed.search.vectors import WIDTH, Vectors

FLAT = 200_000
"""Papers up to which all vectors are looked at; above, they are sorted into lists by where they lie."""
AT_ONCE = 10_000
"""Vectors that are taken in together."""
SAMPLE = 40
"""Vectors a list from which the lists are learned."""


def build(vectors: Vectors, folder: Path, before: Path | None = None) -> int:
    """Write what `netopsy.feed.search.meaning.Meaning` reads into a folder that is not there yet.

    Args:
        before: a folder that was written earlier: where its lists still suit the number of papers, they are taken over
            and not learned again.

    Returns:
        the number of papers.
    """
    import faiss

    folder.mkdir(parents=True)
    count, passages = vectors.counts()
    ids: list[str] = []
    starts = np.zeros(count + 1, np.int64)
    scales: Any = open_memmap(folder / "scales.npy", "w+", np.float32, (passages,))
    small: Any = open_memmap(folder / "passages.npy", "w+", np.int8, (passages, WIDTH))
    whole = faiss.IndexScalarQuantizer(WIDTH, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    waiting: list[NDArray[np.float16]] = []
    for row, (key, vector, own_scales, own) in enumerate(vectors.all()):
        start, end = starts[row], starts[row] + len(own)
        scales[start:end], small[start:end], starts[row + 1] = own_scales, own, end
        ids.append(key)
        waiting.append(vector)
        if len(waiting) == AT_ONCE or row == count - 1:
            whole.add(np.stack(waiting).astype(np.float32))
            waiting.clear()
    for each in (scales, small):
        each.flush()
    np.save(folder / "starts.npy", starts)
    keys.write_keys(folder, ids)
    faiss.write_index(whole, str(folder / WHOLE))
    if count > FLAT:
        faiss.write_index(_lists(whole, before), str(folder / LISTS))
    return count


def _lists(whole: Any, before: Path | None) -> Any:
    """The vectors in 8 bits, in 4 lists times the root of their number."""
    import faiss

    wanted = int(4 * math.sqrt(whole.ntotal))
    found: Any = None
    if before is not None and (before / LISTS).is_file():
        found = faiss.read_index(str(before / LISTS))
    if found is None or not wanted / 1.5 <= found.nlist <= wanted * 1.5:
        found = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(WIDTH), WIDTH, wanted, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        found.cp.niter, found.cp.max_points_per_centroid = 8, SAMPLE
        some = np.unique(np.linspace(0, whole.ntotal - 1, SAMPLE * wanted).astype(np.int64))
        found.train(whole.reconstruct_batch(some))
    found.reset()
    for start in range(0, whole.ntotal, AT_ONCE):
        found.add(whole.reconstruct_n(start, min(AT_ONCE, whole.ntotal - start)))
    return found
