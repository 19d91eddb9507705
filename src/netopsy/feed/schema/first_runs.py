"""Which papers accounts have run to the end."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, String, Table

from netopsy.feed.schema.columns import METADATA, Instant, of_paper

first_run = Table(
    "first_run",
    METADATA,
    of_paper(primary_key=True),
    Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("counted", Boolean, nullable=False),
    Index("first_run_by_account", "account"),
)
"""Of each account and paper the first run that was done; it stays when the run itself has expired. One that is not
``counted`` yet is of an account that is too new."""
