"""The tables of the feed, for SQLite and PostgreSQL alike; `netopsy.feed.migrations` makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.types import TypeEngine

from netopsy.feed.calendar import aware

METADATA = MetaData()


class Instant(TypeDecorator[datetime]):
    """A moment: text in UTC with its offset in SQLite, which sorts as time does; a timestamp with a zone elsewhere."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type that is stored."""
        return dialect.type_descriptor(String(32) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """What is stored; a moment without a zone is refused."""
        if value is None:
            return None
        moment = aware(value)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The moment, in UTC."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def _paper(**options: Any) -> Column[str]:
    return Column("paper", String(300), ForeignKey("paper.id", ondelete="CASCADE", onupdate="CASCADE"), **options)


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

paper_alias = Table("paper_alias", METADATA, Column("alias", String(300), primary_key=True), _paper(nullable=False))

paper_version = Table(
    "paper_version",
    METADATA,
    _paper(primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    Column("text_rank", Integer, nullable=False),
    Column("seen", Instant, nullable=False),
)

featured = Table(
    "featured",
    METADATA,
    _paper(primary_key=True),
    Column("day", Date, nullable=False),
    Index("featured_by_day", "day"),
)
"""The earliest day that any source lists a paper on."""

listing = Table(
    "listing",
    METADATA,
    Column("source", String(40), primary_key=True),
    _paper(primary_key=True),
    Column("day", Date),
    Column("upvotes", Integer),
    Index("listing_by_paper", "paper"),
)
"""What each source says: its day, and its own votes, which are never added to ours."""

account = Table(
    "account", METADATA, Column("id", String(36), primary_key=True), Column("created", Instant, nullable=False)
)

vote = Table(
    "vote",
    METADATA,
    _paper(primary_key=True),
    Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
    Index("vote_by_time", "at"),
)

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
"""The zone whose days are the site's, and how far ``paper.seq`` has been counted."""
