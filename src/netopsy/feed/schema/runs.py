"""Papers that visitors run, which are the queue as well, and what is told of each on its way."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from netopsy.feed.schema.columns import METADATA, Instant

run = Table(
    "run",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("who", String(64), nullable=False),
    Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE")),
    Column("job", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("most", Integer, nullable=False),
    Column("created", Instant, nullable=False),
    Column("started", Instant),
    Column("ended", Instant),
    Column("expires", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("owner", String(64)),
    Column("leased_until", Instant),
    Column("said", Text, nullable=False),
    Index("run_by_state", "state", "created"),
    Index("run_by_who", "who", "state"),
    Index("run_by_expiry", "expires"),
)
"""``id`` is 128 random bits; ``key`` is a hash of who asks for what, so that nothing is computed twice for somebody.
``who`` is a keyed hash, ``job`` is JSON, ``most`` is how many of theirs may run at once. ``state`` is queued, running,
done, failed or cancelled; ``said`` is why, in a sentence."""

run_event = Table(
    "run_event",
    METADATA,
    Column("run", String(32), ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(10), nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", Text, nullable=False),
)
"""``kind`` is state or progress; ``data`` is JSON."""
