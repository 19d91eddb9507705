"""Who wants mail, and every letter that is to go out."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from netopsy.feed.schema.columns import METADATA, Instant, of_paper

subscriber = Table(
    "subscriber",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("address_hash", String(64), nullable=False, unique=True),
    Column("address", Text),
    Column("state", String(10), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("hour", Integer, nullable=False),
    Column("weekday", Integer, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("interests", Text, nullable=False),
    Column("salt", String(32), nullable=False),
    Column("created", Instant, nullable=False),
    Column("confirmed", Instant),
    Column("next_due", Instant),
    Index("subscriber_by_due", "state", "next_due"),
)
"""``state`` is pending, active, suspended or gone; of one that is gone only the hash stays. ``kind`` is daily or
weekly, ``hour`` and ``weekday`` (Monday is 0) are in ``zone``; ``interests`` is JSON."""

bounce = Table(
    "bounce",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("subscriber", String(32), ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("status", String(20), nullable=False),
    Column("said", Text, nullable=False),
    Column("report", String(64), nullable=False, unique=True),
)
"""``kind`` is hard, soft or complaint; ``report`` is a hash of the message that said so, which counts once."""

delivery = Table(
    "delivery",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("subscriber", String(32), ForeignKey("subscriber.id", ondelete="CASCADE")),
    Column("address", Text),
    Column("kind", String(10), nullable=False),
    Column("period", String(40), nullable=False),
    Column("key", String(120), nullable=False, unique=True),
    Column("payload", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("message_id", String(200), nullable=False, unique=True),
    Column("planned", Instant, nullable=False),
    Column("next_try", Instant, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("owner", String(64)),
    Column("leased_until", Instant),
    Column("reply", Text),
    Column("sent", Instant),
    Column("resent", Boolean, nullable=False, server_default="0"),
    Index("delivery_by_state", "state", "next_try"),
    Index("delivery_by_subscriber", "subscriber"),
)
"""A letter: ``kind`` is confirm, sign-in, digest or notice; one for each ``key`` (kind, who, period).
``address`` is for those without a subscriber and is emptied once the letter is out. ``state`` is planned, sending,
sent, retry, failed or uncertain."""

delivery_paper = Table(
    "delivery_paper",
    METADATA,
    Column("subscriber", String(32), ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True),
    of_paper(primary_key=True),
    Column("delivery", String(32), ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False),
    Index("delivery_paper_by_delivery", "delivery"),
)
"""Which digest carried a paper to a subscriber: never two."""
