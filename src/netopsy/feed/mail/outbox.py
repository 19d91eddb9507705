"""Sending what is due, and what can be seen and done about it.

A server cannot be made to take a letter exactly once: a sender that dies between the server's answer and writing it
down leaves a letter of which nobody knows. A digest of this kind is *uncertain* and is not sent again by itself; a
letter with a link is, under the same Message-ID. In a folder every letter is there exactly once.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select, update

from netopsy.core.errors import InputError, lookup, require
from netopsy.feed import schema
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.lists import Entry, entries
from netopsy.feed.mail import claims
from netopsy.feed.mail.answers import Answer, Envelope, Outcome, Transport
from netopsy.feed.mail.claims import Begun
from netopsy.feed.mail.headers import named_mailbox
from netopsy.feed.mail.message import Letter, build
from netopsy.feed.mail.verp import return_path
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings
from netopsy.feed.subscriptions import unsubscribe_token

STATES = ("planned", "sending", "sent", "retry", "failed", "uncertain")
BATCH = 50
"""Letters that are held at once."""
DOUBTS = 3
"""Uncertain letters after which a sender stops: the server is not well."""
TITLES = {"confirm": "Please confirm your subscription", "sign-in": "Your link to sign in", "digest": "Papers"}


@dataclass(frozen=True)
class Sending:
    """What came of the letters that were due."""

    sent: int = 0
    retry: int = 0
    failed: int = 0
    uncertain: int = 0
    trouble: str = ""
    """Why it stopped early, where it did."""


def send_due(
    engine: Engine,
    settings: Settings,
    transport: Transport,
    *,
    now: datetime,
    limit: int = 500,
    owner: str = "sender",
) -> Sending:
    """Send up to ``limit`` letters that are due; senders that do so at once share them.

    Call it again, with a later ``now``, until nothing is sent: a lease is of 15 minutes from ``now``. It stops early
    where the server cannot be reached; what it has not begun is free again then.

    Args:
        owner: a name of this sender, for whoever looks into the table.
    """
    require(1 <= limit <= 100_000, f"limit must be a whole number from 1 to 100,000, got {limit!r}")
    moment, counts = aware(now), Counter[str]()
    name = f"{owner[:40]}-{secrets.token_hex(8)}"
    sender = _Sender(engine, settings, settings.secret(), transport, name, moment)
    trouble = ""
    with writing(engine) as connection:
        claims.reclaim(connection, exact=transport.exact, now=moment)
    try:
        left = limit
        while left > 0 and not trouble:
            with writing(engine) as connection:
                taken = claims.claim(connection, owner=name, limit=min(left, BATCH), now=moment)
            if not taken:
                break
            left -= len(taken)
            for each in taken:
                state, answer = sender.send(each)
                counts[state] += 1
                if answer.outcome is Outcome.UNREACHABLE or counts["uncertain"] >= DOUBTS:
                    trouble = answer.reply
                    break
    finally:
        with writing(engine) as connection:
            claims.release(connection, name)
    return Sending(counts["sent"], counts["retry"], counts["failed"], counts["uncertain"], trouble)


def letters(engine: Engine, *, state: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """The letters of the outbox without their addresses, the newest first.

    Args:
        state: only those in this state, such as ``uncertain``.

    Raises:
        InputError: there is no such state.
    """
    table = schema.delivery.c
    names = (
        "id",
        "subscriber",
        "kind",
        "period",
        "state",
        "message_id",
        "planned",
        "next_try",
        "tries",
        "reply",
        "sent",
    )
    query = select(*(table[each] for each in names)).order_by(table.planned.desc(), table.id).limit(limit)
    if state is not None:
        lookup("state of a letter", state, dict.fromkeys(STATES, 1))
        query = query.where(table.state == state)
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def resend(engine: Engine, name: str, *, now: datetime) -> None:
    """Let an uncertain letter be sent again, under the same Message-ID.

    Raises:
        InputError: no uncertain letter has that name.
    """
    table = schema.delivery
    unsure = (table.c.id == name) & (table.c.state == "uncertain")
    values = {"state": "retry", "next_try": aware(now), "owner": None, "leased_until": None, "resent": True}
    with writing(engine) as connection:
        changed = connection.execute(update(table).where(unsure).values(**values)).rowcount
    require(changed, f"no uncertain letter is called {name[:40]!r}")


@dataclass(frozen=True)
class _Sender:
    """What the letters of one call have in common."""

    engine: Engine
    settings: Settings
    secret: Secret
    transport: Transport
    name: str
    now: datetime
    known: dict[tuple[str, ...], tuple[Entry, ...]] = field(default_factory=dict)
    """Papers by the state of the database and their names: many digests carry the same."""

    def send(self, name: str) -> tuple[str, Answer]:
        """Walk one letter from planned to what comes of it."""
        with writing(self.engine) as connection:
            begun = claims.begin(connection, name, owner=self.name, now=self.now)
        if begun is None:
            return "passed over", Answer(Outcome.REJECTED, "")
        answer = self._hand_over(begun)
        with writing(self.engine) as connection:
            return claims.end(connection, begun, answer, self.now), answer

    def _hand_over(self, begun: Begun) -> Answer:
        try:
            letter = self._letter(begun)
            content = build(letter)
        except InputError as error:
            return Answer(Outcome.REJECTED, str(error))
        envelope = Envelope(letter.message_id, letter.return_path, letter.to, content, again=begun.row.tries > 0)
        return self.transport.send(envelope)

    def _letter(self, begun: Begun) -> Letter:
        row, payload = begun.row, json.loads(begun.row.payload)
        path, leave = named_mailbox(self.settings.sender)[1], ""
        if row.subscriber is not None:
            path = return_path(self.secret, self.settings, row.subscriber)
            if row.kind not in claims.LINKS and begun.salt is not None:
                token = unsubscribe_token(self.secret, row.subscriber, begun.salt, row.planned)
                leave = f"{self.settings.base_url}/unsubscribe/{token}"
        papers = self._papers(row.id, payload.get("order", ())) if row.kind == "digest" else ()
        require(papers or not payload.get("order"), "none of its papers is shown any more")
        return Letter(
            kind=row.kind,
            to=begun.to,
            sender=self.settings.sender,
            message_id=row.message_id,
            date=row.planned,
            title=payload.get("title") or TITLES.get(row.kind, "A notice"),
            base_url=self.settings.base_url,
            return_path=path,
            papers=papers,
            reasons=payload.get("why") or {},
            note=payload.get("note", ""),
            link=payload.get("link", ""),
            unsubscribe=leave,
        )

    def _papers(self, name: str, order: Sequence[str]) -> tuple[Entry, ...]:
        with self.engine.connect() as connection:
            changes = connection.scalar(select(schema.setting.c.value).where(schema.setting.c.name == "seq"))
            ids = tuple(claims.papers_of(connection, name, order))
            key = (str(changes), *ids)  # one may have been hidden since the letter before
            if key not in self.known:
                self.known[key] = tuple(entries(connection, ids, self.now))
        return self.known[key]
