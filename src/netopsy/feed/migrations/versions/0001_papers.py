"""Papers, where they are listed, votes, and what is known of sources."""

import sqlalchemy as sa
from alembic import op

from netopsy.feed.schema import Instant

revision = "0001"
down_revision = None


def _paper(**options):
    return sa.Column(
        "paper", sa.String(300), sa.ForeignKey("paper.id", ondelete="CASCADE", onupdate="CASCADE"), **options
    )


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "paper",
        sa.Column("id", sa.String(300), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("authors", sa.Text, nullable=False),
        sa.Column("abstract", sa.Text, nullable=False),
        sa.Column("keywords", sa.Text, nullable=False),
        sa.Column("categories", sa.Text, nullable=False),
        sa.Column("published", sa.Date),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text_rank", sa.Integer, nullable=False),
        sa.Column("text_version", sa.Integer, nullable=False),
        sa.Column("slug", sa.String(100), unique=True),
        sa.Column("trend", sa.Float),
        sa.Column("hidden", sa.Boolean, nullable=False),
    )
    op.create_index("paper_by_trend", "paper", ["trend"])
    op.create_table("paper_alias", sa.Column("alias", sa.String(300), primary_key=True), _paper(nullable=False))
    op.create_table(
        "paper_version",
        _paper(primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("abstract", sa.Text, nullable=False),
        sa.Column("text_rank", sa.Integer, nullable=False),
        sa.Column("seen", Instant, nullable=False),
    )
    op.create_table("featured", _paper(primary_key=True), sa.Column("day", sa.Date, nullable=False))
    op.create_index("featured_by_day", "featured", ["day"])
    op.create_table(
        "listing",
        sa.Column("source", sa.String(40), primary_key=True),
        _paper(primary_key=True),
        sa.Column("day", sa.Date),
        sa.Column("upvotes", sa.Integer),
    )
    op.create_index("listing_by_paper", "listing", ["paper"])
    op.create_table(
        "account", sa.Column("id", sa.String(36), primary_key=True), sa.Column("created", Instant, nullable=False)
    )
    op.create_table(
        "vote",
        _paper(primary_key=True),
        sa.Column("account", sa.String(36), sa.ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("at", Instant, nullable=False),
    )
    op.create_index("vote_by_time", "vote", ["at"])
    op.create_table(
        "source_state",
        sa.Column("source", sa.String(40), primary_key=True),
        sa.Column("etag", sa.Text),
        sa.Column("last_modified", sa.Text),
        sa.Column("cursor", sa.Text),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_try", Instant),
        sa.Column("last_answer", Instant),
        sa.Column("trouble", sa.Text),
    )
    op.create_table(
        "setting", sa.Column("name", sa.String(40), primary_key=True), sa.Column("value", sa.Text, nullable=False)
    )
