"""Planning a letter: one row that a sender takes up later."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select

from netopsy.core.errors import require
from netopsy.feed import schema
from netopsy.feed.calendar import aware

Kind = Literal["confirm", "sign-in", "digest", "notice"]


def plan(
    connection: Connection,
    kind: Kind,
    *,
    who: str,
    period: str,
    payload: dict[str, Any],
    now: datetime,
    domain: str,
    subscriber: str | None = None,
    address: str | None = None,
) -> str | None:
    """Plan one letter of that kind to ``who`` for that period; ``None`` where it is planned already.

    The connection writes. A letter keeps its Message-ID through all tries.

    Args:
        who: a subscriber's name or the keyed hash of an address.
        period: what makes it one of its kind: a day or week of a digest, a random word for others.
        payload: what the letter is written from: JSON, for a confirmation and for signing in ``{"link": ...}``.
        domain: of the Message-ID.
        subscriber: to whom it goes; otherwise give ``address``.
    """
    require((subscriber is None) != (address is None), "give a subscriber or an address")
    key, table = f"{kind}:{who}:{period}", schema.delivery
    if connection.scalar(select(table.c.id).where(table.c.key == key)) is not None:
        return None
    moment, name = aware(now), secrets.token_hex(16)
    connection.execute(
        insert(table).values(
            id=name,
            subscriber=subscriber,
            address=address,
            kind=kind,
            period=period,
            key=key,
            payload=json.dumps(payload, ensure_ascii=False),
            state="planned",
            message_id=f"<{name}@{domain}>",
            planned=moment,
            next_try=moment,
            tries=0,
        )
    )
    return name
