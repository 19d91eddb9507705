"""Runs of papers, and their events."""

import sqlalchemy as sa
from alembic import op

from netopsy.feed.schema import Instant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "run",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="CASCADE")),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("most", sa.Integer, nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("started", Instant),
        sa.Column("ended", Instant),
        sa.Column("expires", Instant, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("cancel", sa.Boolean, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("leased_until", Instant),
        sa.Column("said", sa.Text, nullable=False),
    )
    op.create_index("run_by_state", "run", ["state", "created"])
    op.create_index("run_by_who", "run", ["who", "state"])
    op.create_index("run_by_expiry", "run", ["expires"])
    op.create_table(
        "run_event",
        sa.Column("run", sa.String(32), sa.ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
