"""Accounts, their votes, and how often somebody did a thing."""

from __future__ import annotations

from sqlalchemy import Column, Date, ForeignKey, Index, Integer, String, Table

from netopsy.feed.schema.columns import METADATA, Instant, of_paper

account = Table(
    "account", METADATA, Column("id", String(36), primary_key=True), Column("created", Instant, nullable=False)
)

vote = Table(
    "vote",
    METADATA,
    of_paper(primary_key=True),
    Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
    Index("vote_by_time", "at"),
)

quota = Table(
    "quota",
    METADATA,
    Column("who", String(64), primary_key=True),
    Column("what", String(40), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("count", Integer, nullable=False),
)
"""How often somebody, known by a keyed hash, did a thing on a day."""
