"""Addresses and bans of accounts, sessions, links to sign in, shelves, and votes that do not count yet."""

import sqlalchemy as sa
from alembic import op

from netopsy.feed.schema import Instant

revision = "0003"
down_revision = "0002"


def _account(**options):
    return sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="CASCADE"), **options)


def upgrade() -> None:
    """Make the columns and tables."""
    op.add_column("account", sa.Column("address_hash", sa.String(64)))
    op.add_column("account", sa.Column("address", sa.Text))
    op.add_column("account", sa.Column("banned_until", Instant))
    op.create_index("account_by_address", "account", ["address_hash"], unique=True)
    op.add_column("vote", sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.true()))
    op.create_table(
        "session",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("family", sa.String(32), nullable=False),
        _account(nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("seen", Instant, nullable=False),
        sa.Column("revoked", Instant),
    )
    op.create_index("session_by_account", "session", ["account"])
    op.create_index("session_by_family", "session", ["family"])
    op.create_table(
        "sign_in_link",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        sa.Column("address_hash", sa.String(64), nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("back", sa.Text, nullable=False),
        sa.Column("created", Instant, nullable=False),
    )
    op.create_index("sign_in_link_by_time", "sign_in_link", ["created"])
    op.create_table(
        "shelf",
        _account(primary_key=True),
        sa.Column(
            "paper", sa.String(300), sa.ForeignKey("paper.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
        ),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("added", Instant, nullable=False),
        sa.Column("changed", Instant, nullable=False),
        sa.Column("read", Instant),
    )
