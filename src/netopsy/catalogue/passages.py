"""What of a paper is searched: its whole text, and its title, its keywords and each of its sentences alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from netopsy.catalogue.entries import Paper, papers

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
        sentences = [paper.title, ", ".join(paper.keywords), *_END_OF_SENTENCE.split(paper.summary)]
        texts += sentences
        owner += [number] * len(sentences)
    return Passages(everything, tuple(texts), tuple(owner))
