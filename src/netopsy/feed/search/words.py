"""Search by words: BM25 over English stems, with the filters inside of the query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Occur

from netopsy.feed.search.documents import Document
from netopsy.feed.search.keys import number_of
from netopsy.feed.search.query import Query

TEXT = ("title", "keywords", "abstract")
HEAP = 64 << 20
"""Bytes of a writer."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    for name in TEXT:
        builder.add_text_field(name, tokenizer_name="en_stem")
    builder.add_text_field("authors", tokenizer_name="default")
    for name in ("names", "rooms", "verdicts", "flags"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("day", indexed=True, fast=True)
    builder.add_unsigned_field("number", fast=True)
    return builder.build()


class Passing:
    """The papers that filters let through: how many, which are among others, or all of them."""

    def __init__(
        self, schema: tantivy.Schema, searcher: tantivy.Searcher, filters: list[tuple[Occur, tantivy.Query]]
    ) -> None:
        self._schema, self._searcher = schema, searcher
        wanted = any(occur == Occur.Must for occur, _ in filters)
        self._clauses = filters if wanted else [(Occur.Must, tantivy.Query.all_query()), *filters]

    @cached_property
    def count(self) -> int:
        """How many there are."""
        found: Any = self._searcher.search(tantivy.Query.boolean_query(self._clauses), 1)  # its types leave this out
        return int(found.count)

    def numbers(self) -> NDArray[np.int64]:
        """Their numbers, which are read faster than their names."""
        return self._numbers(self._clauses, self.count)

    def among(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The numbers of those of them that are among ``ids``."""
        one_of = tantivy.Query.term_set_query(self._schema, "id", list(ids))
        return self._numbers([*self._clauses, (Occur.Must, one_of)], len(ids))

    def _numbers(self, clauses: list[tuple[Occur, tantivy.Query]], most: int) -> NDArray[np.int64]:
        wanted = tantivy.Query.boolean_query(clauses)
        hits = self._searcher.search(wanted, max(1, most), count=False, order_by_field="number").hits
        return np.fromiter((number for number, _ in hits), np.int64, len(hits))


class Words:
    """The index of words in a folder, which is made where there is none."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.schema = _schema()
        self.index = tantivy.Index(self.schema, path=str(folder), reuse=True)

    def update(self, documents: Iterable[Document]) -> int:
        """Take documents in, each in place of what was there under any of its names; how many are shown."""
        writer, count = self.index.writer(HEAP, 1), 0
        for each in documents:
            for name in {each.id, *each.aliases}:
                writer.delete_documents_by_term("id", name)
            if not each.hidden:
                writer.add_document(self._made(each))
                count += 1
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()
        return count

    def _made(self, document: Document) -> tantivy.Document:
        made = tantivy.Document()
        made.add_text("id", document.id)
        made.add_unsigned("number", number_of(document.id))
        made.add_text("title", document.title)
        made.add_text("keywords", ", ".join(document.keywords))
        made.add_text("abstract", document.abstract)
        made.add_text("authors", "; ".join(document.authors))
        for name, values in (
            ("names", document.names),
            ("rooms", [each.casefold() for each in document.categories]),
            ("verdicts", sorted(document.verdicts)),
            ("flags", ["runnable"] * document.runnable),
        ):
            for value in values:
                made.add_text(name, value)
        if document.day is not None:
            made.add_integer("day", document.day.toordinal())
        return made

    def __len__(self) -> int:
        return int(self.index.searcher().num_docs)

    def found(self, query: Query, limit: int) -> dict[str, float]:
        """The best by BM25 among those that the filters let through, all with a number above 0."""
        looked = self._text(query.text)
        return {} if looked is None else self._run([(Occur.Must, looked), *self._filters(query)], limit)

    def named(self, query: Query, limit: int) -> dict[str, float]:
        """Those of which a name is what was typed."""
        term = tantivy.Query.term_query(self.schema, "names", query.text.casefold(), "basic")
        return self._run([(Occur.Must, term), *self._filters(query)], limit) if query.text else {}

    def allowed(self, query: Query) -> list[str]:
        """All that the filters let through."""
        every = (Occur.Must, tantivy.Query.const_score_query(tantivy.Query.all_query(), 1.0))
        return list(self._run([every, *self._filters(query)], max(1, len(self))))

    def passing(self, query: Query) -> Passing:
        """The papers that the filters let through, for those who need not have them all."""
        return Passing(self.schema, self.index.searcher(), self._filters(query))

    def _run(self, clauses: list[tuple[Occur, tantivy.Query]], limit: int) -> dict[str, float]:
        searcher = self.index.searcher()
        hits = searcher.search(tantivy.Query.boolean_query(clauses), limit).hits
        return {searcher.doc(address)["id"][0]: float(score) for score, address in hits}

    def _text(self, text: str) -> tantivy.Query | None:
        words = re.findall(r"\w+", text)
        # In lower case, so that none is taken for an operator.
        return self.index.parse_query(" ".join(words).lower(), list(TEXT)) if words else None

    def _filters(self, query: Query) -> list[tuple[Occur, tantivy.Query]]:
        clauses: list[tuple[Occur, tantivy.Query]] = []
        for phrase in query.phrases:
            clauses.append((Occur.Must, self.index.parse_query(f'"{phrase.lower()}"', list(TEXT))))
        for phrase in query.without:
            clauses.append((Occur.MustNot, self.index.parse_query(f'"{phrase.lower()}"', [*TEXT, "authors"])))
        for person in query.authors:
            words = " ".join(re.findall(r"\w+", person.lower()))
            clauses.append((Occur.Must, self.index.parse_query(f'"{words}"', ["authors"])))
        for name, values in (
            ("rooms", [each.casefold() for each in query.rooms]),
            ("verdicts", [query.verdict] if query.verdict else []),
            ("flags", ["runnable"] if query.runnable else []),
        ):
            clauses += [(Occur.Must, tantivy.Query.term_query(self.schema, name, each, "basic")) for each in values]
        if query.first or query.last:
            first, last = query.first or date.min, query.last or date.max
            days = tantivy.Query.range_query(
                self.schema, "day", tantivy.FieldType.Integer, first.toordinal(), last.toordinal()
            )
            clauses.append((Occur.Must, days))
        return clauses
