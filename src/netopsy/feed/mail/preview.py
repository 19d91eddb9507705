"""What a digest looks like, before anybody gets it; and how much waits."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.policy import default

from sqlalchemy import Connection, func, select

from netopsy.feed import schema
from netopsy.feed.calendar import aware
from netopsy.feed.digest import MOST
from netopsy.feed.feed import Feed
from netopsy.feed.mail.claims import WAITING
from netopsy.feed.mail.headers import named_mailbox
from netopsy.feed.mail.message import Letter, build
from netopsy.feed.mail.verp import domain_of
from netopsy.feed.settings import Settings


@dataclass(frozen=True)
class Due:
    """What has fallen due and is not done."""

    digests: int
    letters: int


def due(connection: Connection, now: datetime) -> Due:
    """How many digests are to be planned, and how many planned letters are to be sent."""
    moment, who, letter = aware(now), schema.subscriber.c, schema.delivery.c
    digests = select(func.count()).where(who.state == "active", who.next_due <= moment)
    letters = select(func.count()).where(letter.state.in_(WAITING), letter.next_try <= moment)
    return Due(connection.scalar(digests) or 0, connection.scalar(letters) or 0)


def example(feed: Feed, settings: Settings, *, now: datetime) -> bytes:
    """The digest of the papers of today, or of the latest day that has any, to the sender itself.

    Its link that ends the digests is nobody's.
    """
    day, papers = feed.today(now=now)
    own = named_mailbox(settings.sender)[1]
    letter = Letter(
        kind="digest",
        to=own,
        sender=settings.sender,
        message_id=f"<preview@{domain_of(settings)}>",
        date=aware(now),
        title=f"Papers of {day}",
        base_url=settings.base_url,
        return_path=own,
        papers=tuple(papers[: MOST["daily"]]),
        note=f"and {len(papers) - MOST['daily']} more on the page" if len(papers) > MOST["daily"] else "",
        unsubscribe=f"{settings.base_url}/unsubscribe/preview",
    )
    return build(letter)


def as_page(content: bytes) -> bytes:
    """The HTML of a letter with its pictures in it, as a browser shows it."""
    message = message_from_bytes(content, policy=default)
    body = message.get_body(("html",))
    text = "" if body is None else body.get_content()
    for part in message.walk():
        cid = str(part["Content-ID"] or "").strip("<>")
        if cid:
            picture = base64.b64encode(part.get_content()).decode()
            text = text.replace(f'"cid:{cid}"', f'"data:image/png;base64,{picture}"')
    return text.encode()
