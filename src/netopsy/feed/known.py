"""What is known of one paper, and how what a source says of it is taken in: in any order, and twice as well as once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from netopsy.feed.identifiers import PaperId, parse
from netopsy.feed.records import Record

BETWEEN = "\n"
"""Between authors, keywords and categories as they are stored, each of which is one line."""
_KINDS = {"arxiv": 0, "doi": 1, "file": 2}


@dataclass
class Known:
    """A paper and all that hangs on it."""

    names: set[str] = field(default_factory=set)
    """Its keys, however it is called."""
    text: tuple[Any, ...] = ()
    """Rank, version, title, abstract, authors and keywords of the text that is preferred, the largest of all."""
    versions: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    """Rank, title and abstract of each."""
    categories: frozenset[str] = frozenset()
    published: date | None = None
    slug: str | None = None
    hidden: bool = False
    day: date | None = None
    listings: dict[str, tuple[date | None, int | None]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name that it is stored under: its arXiv number before its DOI."""
        return min(self.names, key=_order)

    def take(self, record: Record) -> None:
        """Take in what a source says."""
        self.names |= {record.id.key, *(each.key for each in record.aliases)}
        people, words = BETWEEN.join(record.authors), BETWEEN.join(record.keywords)
        self.text = max(self.text, (record.rank, record.version, record.title, record.abstract, people, words))
        own = (record.rank, record.title, record.abstract)
        self.versions[record.version] = max(self.versions.get(record.version, own), own)
        self.categories |= frozenset(record.categories)
        self.published = _earliest(self.published, record.published)
        self.slug = self.slug or record.slug
        self.day = _earliest(self.day, record.day)
        day, upvotes = self.listings.get(record.source, (None, None))
        self.listings[record.source] = (
            _earliest(day, record.day),
            upvotes if record.upvotes is None else record.upvotes,
        )

    def absorb(self, other: Known) -> None:
        """Take in all that is known of the same paper under another name."""
        self.names |= other.names
        self.text = max(self.text, other.text)
        for number, text in other.versions.items():
            self.versions[number] = max(self.versions.get(number, text), text)
        self.categories |= other.categories
        self.published, self.day = _earliest(self.published, other.published), _earliest(self.day, other.day)
        self.slug, self.hidden = self.slug or other.slug, self.hidden or other.hidden
        for source, (day, upvotes) in other.listings.items():
            own_day, own_votes = self.listings.get(source, (None, None))
            counts = [each for each in (own_votes, upvotes) if each is not None]
            self.listings[source] = (_earliest(own_day, day), max(counts, default=None))

    def row(self) -> dict[str, Any]:
        """Its row in the table of papers, without what others count."""
        rank, version, title, abstract, authors, keywords = self.text
        return {
            "id": self.key,
            "title": title,
            "authors": authors,
            "abstract": abstract,
            "keywords": keywords,
            "categories": BETWEEN.join(sorted(self.categories)),
            "published": self.published,
            "version": max(self.versions),
            "text_rank": rank,
            "text_version": version,
            "slug": self.slug,
            "hidden": self.hidden,
        }


def parts(stored: str) -> tuple[str, ...]:
    """Authors, keywords or categories from their stored form."""
    return tuple(stored.split(BETWEEN)) if stored else ()


def _order(key: str) -> tuple[int, str]:
    found = parse(key)
    assert isinstance(found, PaperId)
    return _KINDS[found.kind], key


def _earliest(first: date | None, second: date | None) -> date | None:
    days = [each for each in (first, second) if each is not None]
    return min(days, default=None)
