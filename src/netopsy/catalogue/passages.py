"""What of a paper is searched: its whole text, and its title, its keywords and each of its sentences alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from netopsy.catalogue.entries import Paper, papers

ENCODER = "all-MiniLM-L6-v2"
"""What reads passages for their meaning."""
_END_OF_SENTENCE = re.compile(r"(?<=[.?!]) (?=[A-Z\"])")


@dataclass(frozen=True)
class Passages:
    """The texts of all papers in one list; ``owner[i]`` is the number of the paper that text ``i`` belongs to.

    The first ``len(papers)`` texts are the whole ones, in the papers' order.
    """

    papers: tuple[Paper, ...]
    texts: tuple[str, ...]
    owner: tuple[int, ...]


@cache
def passages() -> Passages:
    """The passages of the catalogue."""
    everything = papers()
    texts = [f"{paper.title}. {', '.join(paper.keywords)}. {paper.summary}" for paper in everything]
    owner = list(range(len(everything)))
    for number, paper in enumerate(everything):
        own = [paper.title, ", ".join(paper.keywords), *sentences(paper.summary)]
        texts += own
        owner += [number] * len(own)
    return Passages(everything, tuple(texts), tuple(owner))


def sentences(text: str) -> list[str]:
    """The sentences of a text of one line.

    >>> sentences("It is so. Is it, i.e. really?")
    ['It is so.', 'Is it, i.e. really?']
    """
    return _END_OF_SENTENCE.split(text) if text else []
