"""Where accounts are signed in, the links by which they do so, and the papers that they keep."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, Index, String, Table, Text

from netopsy.feed.schema.columns import METADATA, Instant, of_paper


def _of_account(**options: Any) -> Column[str]:
    return Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE"), **options)


session = Table(
    "session",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("family", String(32), nullable=False),
    _of_account(nullable=False),
    Column("created", Instant, nullable=False),
    Column("seen", Instant, nullable=False),
    Column("revoked", Instant),
    Index("session_by_account", "account"),
    Index("session_by_family", "family"),
)
"""One row a token; those of one browser since it signed in are a ``family``. From ``revoked`` on a token is no good."""

sign_in_link = Table(
    "sign_in_link",
    METADATA,
    Column("token_hash", String(64), primary_key=True),
    Column("address_hash", String(64), nullable=False),
    Column("address", Text, nullable=False),
    Column("back", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Index("sign_in_link_by_time", "created"),
)
"""Links that nobody has pressed yet; ``back`` is the page to come back to."""

shelf = Table(
    "shelf",
    METADATA,
    _of_account(primary_key=True),
    of_paper(primary_key=True),
    Column("tags", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("added", Instant, nullable=False),
    Column("changed", Instant, nullable=False),
    Column("read", Instant),
)
"""``tags`` is a JSON list."""
