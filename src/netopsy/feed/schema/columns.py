"""What the tables of the feed have in common, for SQLite and PostgreSQL alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, Dialect, ForeignKey, MetaData, String, TypeDecorator
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


def of_paper(**options: Any) -> Column[str]:
    """A column that names a paper, and goes with it."""
    return Column("paper", String(300), ForeignKey("paper.id", ondelete="CASCADE", onupdate="CASCADE"), **options)
