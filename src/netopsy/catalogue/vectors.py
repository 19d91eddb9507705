"""The vectors of the catalogue's passages, computed once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from netopsy.catalogue.encoder import SentenceEncoder
from netopsy.catalogue.passages import ENCODER
from netopsy.core.paths import cache_folder


def vectors_of(texts: tuple[str, ...], model: Path) -> tuple[np.ndarray, Callable[[Sequence[str]], np.ndarray]]:
    """The unit vectors of ``texts``, shape ``(len(texts), width)``, and the function that makes such vectors."""
    encoder = _encoder(model)
    file = cache_folder() / f"catalogue-{_key(texts)}.npz"
    vectors = _read(file, len(texts))
    if vectors is None:
        vectors = encoder.encode(texts)
        _write(file, vectors)
    return vectors, encoder.encode


@cache
def _encoder(model: Path) -> SentenceEncoder:
    return SentenceEncoder(model)


def _key(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join((ENCODER, *texts)).encode()).hexdigest()[:16]


def _read(file: Path, count: int) -> np.ndarray | None:
    """The stored vectors; None when there are none or the file is damaged."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            vectors = stored["vectors"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = vectors.dtype == np.float32 and vectors.ndim == 2 and len(vectors) == count and np.isfinite(vectors).all()
    return vectors if whole else None


def _write(file: Path, vectors: np.ndarray) -> None:
    """Store the vectors in one step; a folder that cannot be written costs only time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=file.parent, suffix=".npz")
        try:
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, vectors=vectors)
            os.replace(draft, file)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError:
        return
