"""What of a paper is searched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from netopsy.catalogue import papers
from netopsy.catalogue.passages import ENCODER, sentences
from netopsy.feed import schema
from netopsy.feed.known import parts
from netopsy.lab.evidence import load_evidence

MANY = 1000
MOST_SENTENCES = 60


@dataclass(frozen=True)
class Document:
    """A paper as the index has it."""

    seq: int
    id: str
    aliases: tuple[str, ...]
    title: str
    authors: tuple[str, ...]
    abstract: str
    keywords: tuple[str, ...]
    categories: tuple[str, ...]
    slug: str | None
    day: date | None
    hidden: bool
    runnable: bool
    verdicts: frozenset[str]

    @property
    def whole(self) -> str:
        """All that is read for its meaning."""
        return ". ".join(filter(None, (self.title, ", ".join(self.keywords), self.abstract)))

    @property
    def passages(self) -> list[str]:
        """Its title, its keywords and each of its sentences."""
        return passages_of(self.title, self.keywords, self.abstract)

    @property
    def hash(self) -> str:
        """Of what is read for its meaning, and the encoder that reads it."""
        text = "\0".join((ENCODER, self.whole, *self.passages))
        return hashlib.blake2b(text.encode("utf-8", "ignore"), digest_size=16).hexdigest()

    @property
    def names(self) -> list[str]:
        """By which it comes first when one is typed: slug, title, authors with and without first names."""
        people = [each for person in self.authors for each in (person, person.split()[-1])]
        return sorted({each.casefold() for each in (*people, self.title, *([self.slug] if self.slug else []))})


def passages_of(title: str, keywords: Sequence[str], abstract: str) -> list[str]:
    """What of a paper is read for its meaning, one passage at a time."""
    words = [", ".join(keywords)] if keywords else []
    return [title, *words, *sentences(abstract)][:MOST_SENTENCES]


def changed(connection: Connection, after: int) -> Iterator[Document]:
    """The papers that changed after that number, in the order of their changes."""
    ready = {paper.slug for paper in papers() if paper.status == "ready"}
    answers: Mapping[Any, frozenset[str]] | None = None
    while True:
        query = (
            select(schema.paper, schema.featured.c.day)
            .outerjoin(schema.featured)
            .where(schema.paper.c.seq > after)
            .order_by(schema.paper.c.seq)
            .limit(MANY)
        )
        rows = list(connection.execute(query))
        if not rows:
            return
        answers = _answers() if answers is None else answers  # many files, which only what changed is worth
        names: dict[str, list[str]] = {}
        alias = schema.paper_alias.c
        ids = [row.id for row in rows]
        for name, key in connection.execute(select(alias.alias, alias.paper).where(alias.paper.in_(ids))):
            names.setdefault(key, []).append(name)
        for row in rows:
            yield Document(
                seq=row.seq,
                id=row.id,
                aliases=tuple(sorted(names.get(row.id, ()))),
                title=row.title,
                authors=parts(row.authors),
                abstract=row.abstract,
                keywords=parts(row.keywords),
                categories=parts(row.categories),
                slug=row.slug,
                day=row.day,
                hidden=row.hidden,
                runnable=row.slug in ready,
                verdicts=answers.get(row.slug, frozenset()),
            )
        after = rows[-1].seq


def _answers() -> Mapping[Any, frozenset[str]]:
    return {
        slug: frozenset(str(verdict["verdict"]) for verdict in found.verdicts)
        for slug, found in load_evidence().items()
    }
