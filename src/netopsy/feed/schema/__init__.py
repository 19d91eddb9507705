"""The tables of the feed, for SQLite and PostgreSQL alike; `netopsy.feed.migrations` makes them."""

from netopsy.feed.schema.accounts import session, shelf, sign_in_link
from netopsy.feed.schema.columns import METADATA, Instant
from netopsy.feed.schema.community import account, quota, vote
from netopsy.feed.schema.discussion import comment, comment_vote, moderation_log, submission, submission_vote
from netopsy.feed.schema.first_runs import first_run
from netopsy.feed.schema.mail import bounce, delivery, delivery_paper, subscriber
from netopsy.feed.schema.papers import (
    featured,
    listing,
    paper,
    paper_alias,
    paper_version,
    setting,
    source_state,
)
from netopsy.feed.schema.runs import run, run_event

__all__ = [
    "METADATA",
    "Instant",
    "account",
    "bounce",
    "comment",
    "comment_vote",
    "delivery",
    "delivery_paper",
    "featured",
    "first_run",
    "listing",
    "moderation_log",
    "paper",
    "paper_alias",
    "paper_version",
    "quota",
    "run",
    "run_event",
    "session",
    "setting",
    "shelf",
    "sign_in_link",
    "source_state",
    "submission",
    "submission_vote",
    "subscriber",
    "vote",
]
