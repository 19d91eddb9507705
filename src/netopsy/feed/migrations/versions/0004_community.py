"""Comments, submissions, and what moderators do."""

import sqlalchemy as sa
from alembic import op

from netopsy.feed.schema import Instant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "comment",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column(
            "paper", sa.String(300), sa.ForeignKey("paper.id", ondelete="CASCADE", onupdate="CASCADE"), nullable=False
        ),
        sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("parent", sa.Integer, sa.ForeignKey("comment.id", ondelete="CASCADE")),
        sa.Column("at", Instant, nullable=False),
        sa.Column("edited", Instant),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("html", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("counted", sa.Boolean, nullable=False),
        sqlite_autoincrement=True,
    )
    for column in ("paper", "account", "state"):
        op.create_index(f"comment_by_{column}", "comment", [column])
    op.create_table(
        "comment_vote",
        sa.Column("comment", sa.Integer, sa.ForeignKey("comment.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.create_table(
        "submission",
        sa.Column("paper", sa.String(300), primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="SET NULL")),
        sa.Column("at", Instant, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
    )
    op.create_index("submission_by_state", "submission", ["state", "at"])
    op.create_index("submission_by_account", "submission", ["account"])
    op.create_table(
        "submission_vote",
        sa.Column(
            "paper",
            sa.String(300),
            sa.ForeignKey("submission.paper", ondelete="CASCADE", onupdate="CASCADE"),
            primary_key=True,
        ),
        sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_table(
        "moderation_log",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("by", sa.String(36), nullable=False),
        sa.Column("action", sa.String(10), nullable=False),
        sa.Column("target", sa.String(320), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
