"""Search by meaning: exact nearness to the vectors of whole texts, then to each passage of the nearest ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netopsy.feed.search.vectors import WIDTH, Vectors


def build(vectors: Vectors, folder: Path) -> int:
    """Write what `Meaning` reads into a folder that is not there yet; the number of papers."""
    import faiss

    folder.mkdir(parents=True)
    ids, starts, scales, passages = [], [0], [], []
    index = faiss.IndexScalarQuantizer(WIDTH, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    waiting: list[NDArray[np.float16]] = []
    for key, whole, own_scales, own in vectors.all():
        ids.append(key)
        waiting.append(whole)
        scales.append(own_scales)
        passages.append(own)
        starts.append(starts[-1] + len(own))
        if len(waiting) == 10_000:
            index.add(np.stack(waiting).astype(np.float32))
            waiting.clear()
    if waiting:
        index.add(np.stack(waiting).astype(np.float32))
    faiss.write_index(index, str(folder / "whole.faiss"))
    np.save(folder / "starts.npy", np.array(starts, np.int64))
    np.save(folder / "scales.npy", np.concatenate(scales) if scales else np.empty(0, np.float32))
    np.save(folder / "passages.npy", np.concatenate(passages) if passages else np.empty((0, WIDTH), np.int8))
    (folder / "ids.json").write_text(json.dumps(ids))
    return len(ids)


class Meaning:
    """The vectors of all papers that have some, mapped from their files."""

    def __init__(self, folder: Path) -> None:
        import faiss

        self.ids: list[str] = json.loads((folder / "ids.json").read_text())
        self.row = {key: number for number, key in enumerate(self.ids)}
        faiss.omp_set_num_threads(1)  # torch brings threads of its own
        self.index = faiss.read_index(str(folder / "whole.faiss"), faiss.IO_FLAG_MMAP_IFC)
        self.starts, self.scales, self.passages = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("starts", "scales", "passages")
        )

    def __len__(self) -> int:
        return len(self.ids)

    def nearest(self, vector: NDArray[np.float32], many: int, allowed: Iterable[str] | None) -> list[str]:
        """The papers whose whole text is nearest, among the allowed ones."""
        count, options = min(many, len(self.ids)), None
        if allowed is not None:
            rows = np.array(sorted(self.row[key] for key in allowed if key in self.row), np.int64)
            count = min(many, len(rows))
            import faiss

            options = faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows))  # type: ignore[call-arg]
        if count == 0:
            return []
        _, found = self.index.search(vector[None], count, params=options)
        return [self.ids[row] for row in found[0] if row >= 0]

    def neighbours(self, key: str, many: int) -> list[str]:
        """The papers whose whole text is nearest to that of one of them, itself left out; none if it has no vector."""
        if key not in self.row:
            return []
        own = np.ascontiguousarray(self.index.reconstruct(self.row[key]), np.float32)
        return [each for each in self.nearest(own, many + 1, None) if each != key][:many]

    def nearness(self, vector: NDArray[np.float32], ids: Sequence[str]) -> dict[str, tuple[float, int]]:
        """The mean of the cosine of its whole text and that of its nearest passage, and which passage that is."""
        known = [key for key in ids if key in self.row]
        found = {}
        for key in known:
            row = self.row[key]
            start, end = int(self.starts[row]), int(self.starts[row + 1])
            cosines = (self.passages[start:end].astype(np.float32) @ vector) * self.scales[start:end]
            best = int(cosines.argmax())
            whole = float(self.index.reconstruct(row) @ vector)
            found[key] = (whole + float(cosines[best])) / 2, best
        return found
