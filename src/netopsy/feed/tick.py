"""What time brings: one call that does all that has fallen due, as often as one likes and from as many places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from netopsy.feed import accounts, quotas, votes
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.digest import plan_due
from netopsy.feed.feed import Feed
from netopsy.feed.mail.answers import Transport
from netopsy.feed.mail.outbox import Sending, send_due
from netopsy.feed.settings import Settings
from netopsy.feed.subscriptions import drop_unconfirmed


@dataclass(frozen=True)
class Ticked:
    """What one call did."""

    planned: int
    """Digests."""
    sending: Sending


def tick(feed: Feed, settings: Settings, transport: Transport, *, now: datetime, limit: int = 500) -> Ticked:
    """Plan the digests that have fallen due, send up to ``limit`` letters, count the votes of accounts that are old
    enough now, and forget what nobody confirmed.

    What is due follows from the database, so a call that comes late catches up, and two at once do nothing twice.
    """
    moment = aware(now)
    with writing(feed.engine) as connection:
        drop_unconfirmed(connection, moment)
        accounts.drop_over(connection, moment)
        votes.count_due(connection, moment)
        quotas.forget_before(connection, moment)
    planned = plan_due(feed.engine, settings, feed.index, now=moment)
    return Ticked(planned, send_due(feed.engine, settings, transport, now=moment, limit=limit, owner="tick"))
