"""What readers say of papers, which papers they bring, and what moderators did about it."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from netopsy.feed.schema.columns import METADATA, Instant, of_paper

comment = Table(
    "comment",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    of_paper(nullable=False),
    Column("account", String(36), ForeignKey("account.id", ondelete="SET NULL")),
    Column("parent", Integer, ForeignKey("comment.id", ondelete="CASCADE")),
    Column("at", Instant, nullable=False),
    Column("edited", Instant),
    Column("source", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("counted", Boolean, nullable=False),
    Index("comment_by_paper", "paper"),
    Index("comment_by_account", "account"),
    Index("comment_by_state", "state"),
    sqlite_autoincrement=True,
)
"""``state`` is shown, waiting (for a moderator), hidden or deleted; of one that is deleted no text stays. A ``parent``
has none itself. One that is not ``counted`` yet is of an account that is too new. Numbers are not given out twice."""

comment_vote = Table(
    "comment_vote",
    METADATA,
    Column("comment", Integer, ForeignKey("comment.id", ondelete="CASCADE"), primary_key=True),
    Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("value", Integer, nullable=False),
)
"""Whether an account found a comment helpful, 1, or not, -1."""

submission = Table(
    "submission",
    METADATA,
    Column("paper", String(300), primary_key=True),
    Column("account", String(36), ForeignKey("account.id", ondelete="SET NULL")),
    Column("at", Instant, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Index("submission_by_state", "state", "at"),
    Index("submission_by_account", "account"),
)
"""Who brought a paper, by its key, of which nothing else may be known. ``state`` is waiting (until a source tells of
it), shown or hidden."""

submission_vote = Table(
    "submission_vote",
    METADATA,
    Column(
        "paper", String(300), ForeignKey("submission.paper", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    ),
    Column("account", String(36), ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("at", Instant, nullable=False),
)
"""Who brought it after that; votes once the paper is shown."""

moderation_log = Table(
    "moderation_log",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("by", String(36), nullable=False),
    Column("action", String(10), nullable=False),
    Column("target", String(320), nullable=False),
    Column("reason", Text, nullable=False),
)
"""``target`` is the key of a paper, ``comment:`` and its number, or ``account:`` and its name."""
