"""What a source says of one paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from netopsy.core.errors import InputError, require
from netopsy.core.texts import plain
from netopsy.feed.identifiers import PaperId, identified, of_content

RANKS = {"catalogue": 3, "arxiv": 2, "huggingface": 1}
"""How far the text of a source is to be preferred to that of another; files come last."""
LONGEST = {"title": 1_000, "authors": 20_000, "abstract": 50_000, "keywords": 2_000, "categories": 1_000}

MOST = 2**31 - 1
"""Votes that are believed."""


@dataclass(frozen=True)
class Record:
    """One paper, as one source tells of it."""

    source: str
    """``catalogue``, ``arxiv``, ``huggingface`` or the name of a file."""
    id: PaperId
    title: str
    authors: tuple[str, ...] = ()
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published: date | None = None
    day: date | None = None
    """On which the source lists it."""
    upvotes: int | None = None
    aliases: tuple[PaperId, ...] = ()
    slug: str | None = None

    @property
    def rank(self) -> int:
        """How far its text is to be preferred."""
        return RANKS.get(self.source, 0)

    @property
    def version(self) -> int:
        """The version of the paper that it tells of, the first where none is said."""
        return self.id.version or 1


def record(
    source: str,
    *,
    title: object,
    names: Iterable[object] = (),
    authors: Iterable[object] = (),
    abstract: object = "",
    keywords: Iterable[object] = (),
    categories: Iterable[object] = (),
    published: date | None = None,
    day: date | None = None,
    upvotes: object = None,
    slug: str | None = None,
) -> Record:
    """A record from values of outside, cleaned: one line each, no control characters, no longer than they may be.

    Args:
        names: arXiv numbers, DOIs and addresses of the paper; where there is none, its title and authors name it.

    Raises:
        InputError: no title, or a name that names no paper.
    """
    clean = _line(title, "title")
    require(clean, "it has no title")
    people = tuple(each for each in (_line(one, "authors") for one in authors) if each)
    known = [identified(str(one)) for one in names if one]
    known.sort(key=lambda one: (one.kind != "arxiv", one.value))
    own = known[0] if known else of_content(clean, " ".join(people))
    return Record(
        source=source,
        id=own,
        title=clean,
        authors=people,
        abstract=_line(abstract, "abstract"),
        keywords=tuple(filter(None, (_line(one, "keywords") for one in keywords))),
        categories=tuple(filter(None, (_line(one, "categories") for one in categories))),
        published=published,
        day=day,
        upvotes=upvotes
        if isinstance(upvotes, int) and not isinstance(upvotes, bool) and 0 <= upvotes <= MOST
        else None,
        aliases=tuple(known[1:]),
        slug=slug,
    )


def date_of(value: object) -> date | None:
    """The day that a text begins with, such as ``2026-11-28T10:00:00Z``; ``None`` where it begins with none."""
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None


def _line(value: object, what: str) -> str:
    if not isinstance(value, str):
        if value is None:
            return ""
        raise InputError(f"its {what} must be text, got {type(value).__name__}")
    return " ".join(plain(value[: LONGEST[what]]).split())
