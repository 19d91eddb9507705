"""The first runs of accounts, which count for what is trending."""

import sqlalchemy as sa
from alembic import op

from netopsy.feed.schema import Instant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "first_run",
        sa.Column(
            "paper",
            sa.String(300),
            sa.ForeignKey("paper.id", ondelete="CASCADE", onupdate="CASCADE"),
            primary_key=True,
        ),
        sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("counted", sa.Boolean, nullable=False),
    )
    op.create_index("first_run_by_account", "first_run", ["account"])
