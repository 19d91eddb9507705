"""Subscribers, their bounces, every letter, and quotas."""

import sqlalchemy as sa
from alembic import op

from netopsy.feed.schema import Instant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "subscriber",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("address_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("address", sa.Text),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("hour", sa.Integer, nullable=False),
        sa.Column("weekday", sa.Integer, nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("interests", sa.Text, nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("confirmed", Instant),
        sa.Column("next_due", Instant),
    )
    op.create_index("subscriber_by_due", "subscriber", ["state", "next_due"])
    op.create_table(
        "bounce",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("subscriber", sa.String(32), sa.ForeignKey("subscriber.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("report", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("subscriber", sa.String(32), sa.ForeignKey("subscriber.id", ondelete="CASCADE")),
        sa.Column("address", sa.Text),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("period", sa.String(40), nullable=False),
        sa.Column("key", sa.String(120), nullable=False, unique=True),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("message_id", sa.String(200), nullable=False, unique=True),
        sa.Column("planned", Instant, nullable=False),
        sa.Column("next_try", Instant, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("leased_until", Instant),
        sa.Column("reply", sa.Text),
        sa.Column("sent", Instant),
        sa.Column("resent", sa.Boolean, nullable=False, server_default="0"),
    )
    op.create_index("delivery_by_state", "delivery", ["state", "next_try"])
    op.create_index("delivery_by_subscriber", "delivery", ["subscriber"])
    op.create_table(
        "delivery_paper",
        sa.Column("subscriber", sa.String(32), sa.ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "paper", sa.String(300), sa.ForeignKey("paper.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
        ),
        sa.Column("delivery", sa.String(32), sa.ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("delivery_paper_by_delivery", "delivery_paper", ["delivery"])
    op.create_table(
        "quota",
        sa.Column("who", sa.String(64), primary_key=True),
        sa.Column("what", sa.String(40), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
