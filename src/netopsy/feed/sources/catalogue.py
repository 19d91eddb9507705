"""The papers of netopsy's own catalogue, which need no network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from netopsy.catalogue import papers
from netopsy.feed.records import Record, record

NAME = "catalogue"
DAY = date(2025, 3, 14)
"""On which all of them are listed."""


def read() -> Iterator[Record]:
    """All of them, with our own summaries."""
    for paper in papers():
        yield record(
            NAME,
            title=paper.title,
            names=[paper.arxiv],
            authors=paper.authors.partition(", based on")[0].split(", "),
            abstract=paper.summary,
            keywords=paper.keywords,
            categories=[paper.room],
            published=date(paper.year, 1, 1),
            day=DAY,
            slug=paper.slug,
        )
