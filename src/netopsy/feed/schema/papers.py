"""Papers, where they are listed, and what is known of sources."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, Float, Index, Integer, String, Table, Text

from netopsy.feed.schema.columns import METADATA, Instant, of_paper

paper = Table(
    "paper",
    METADATA,
    Column("id", String(300), primary_key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("authors", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("keywords", Text, nullable=False),
    Column("categories", Text, nullable=False),
    Column("published", Date),
    Column("version", Integer, nullable=False),
    Column("text_rank", Integer, nullable=False),
    Column("text_version", Integer, nullable=False),
    Column("slug", String(100), unique=True),
    Column("trend", Float),
    Column("hidden", Boolean, nullable=False),
    Index("paper_by_trend", "trend"),
)
"""One row a paper; ``seq`` rises with every change of one, ``text_rank`` says how far its text, which is that of
``text_version``, is to be preferred; ``version`` is the latest that is known."""

paper_alias = Table("paper_alias", METADATA, Column("alias", String(300), primary_key=True), of_paper(nullable=False))

paper_version = Table(
    "paper_version",
    METADATA,
    of_paper(primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("text_rank", Integer, nullable=False),
    Column("seen", Instant, nullable=False),
)

featured = Table(
    "featured",
    METADATA,
    of_paper(primary_key=True),
    Column("day", Date, nullable=False),
    Index("featured_by_day", "day"),
)
"""The earliest day that any source lists a paper on."""

listing = Table(
    "listing",
    METADATA,
    Column("source", String(40), primary_key=True),
    of_paper(primary_key=True),
    Column("day", Date),
    Column("upvotes", Integer),
    Index("listing_by_paper", "paper"),
)
"""What each source says: its day, and its own votes, which are never added to ours."""

source_state = Table(
    "source_state",
    METADATA,
    Column("source", String(40), primary_key=True),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("cursor", Text),
    Column("failures", Integer, nullable=False),
    Column("next_try", Instant),
    Column("last_answer", Instant),
    Column("trouble", Text),
)

setting = Table(
    "setting", METADATA, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False)
)
"""The zone whose days are the site's, how far ``paper.seq`` and changes of comments have been counted, and which
papers of the catalogue were taken in last."""
