"""Accounts, their votes, and how often somebody did a thing."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, String, Table, Text, true

from netopsy.feed.schema.columns import METADATA, Instant, of_paper

account = Table(
    "account",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("created", Instant, nullable=False),
    Column("address_hash", String(64)),
    Column("address", Text),
    Column("banned_until", Instant),
    Index("account_by_address", "address_hash", unique=True),
)
"""Those without an address are of this machine. Of one that was deleted while it was banned, the hash and the ban
stay."""

vote = Table(
    "vote",
    METADATA,
    of_paper(primary_key=True),
    Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("counted", Boolean, nullable=False, server_default=true()),
    Index("vote_by_time", "at"),
)
"""One that is not ``counted`` yet is of an account that is too new."""

quota = Table(
    "quota",
    METADATA,
    Column("who", String(64), primary_key=True),
    Column("what", String(40), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("count", Integer, nullable=False),
)
"""How often somebody, known by a keyed hash, did a thing on a day."""
