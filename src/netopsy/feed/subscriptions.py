"""Who wants mail: asked for by anybody, confirmed by whoever reads the letter, ended by one link."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, select, update

from netopsy.core.errors import lookup
from netopsy.feed import quotas, schema
from netopsy.feed.addresses import mail_address, same_mailbox
from netopsy.feed.calendar import aware, next_digest, zone_named
from netopsy.feed.database import writing
from netopsy.feed.mail.plan import plan
from netopsy.feed.mail.verp import domain_of
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings
from netopsy.feed.wishes import wishes

LETTERS = 3
"""A day to one address."""
ADDRESSES = 10
"""A day to which one visitor can ask for letters."""
GOOD_FOR = 86400.0
"""Seconds that a link of a confirmation is good for."""
KINDS = ("daily", "weekly")
UNSENT = ("planned", "retry")


@dataclass(frozen=True)
class Link:
    """What a page may show of a link: nothing of whose it is."""

    purpose: Literal["confirm", "unsubscribe"]
    good: bool


def subscribe(
    engine: Engine,
    settings: Settings,
    secret: Secret,
    typed: str,
    *,
    kind: str = "daily",
    hour: int = 7,
    weekday: int = 0,
    zone: str = "UTC",
    interests: Mapping[str, Any] | None = None,
    visitor: str = "",
    now: datetime,
) -> bool:
    """Write to an address whether it wants these digests; nothing of them is sent until the link in it is pressed.

    The same is done for an address that has digests: pressing the link changes them to what was asked for here.
    Whether it has, and whether today's letters to it are used up, cannot be told from outside.

    Args:
        kind: ``daily`` or ``weekly``.
        hour: of the day in ``zone``.
        weekday: of a weekly one; Monday is 0.
        interests: see `netopsy.feed.wishes.wishes`.
        visitor: a keyed hash of who asks, where that is not the operator.

    Returns:
        ``False`` where the visitor has asked for letters to too many different addresses on this day.

    Raises:
        InputError: no address, or a value that is none.
    """
    address, moment = mail_address(typed), aware(now)
    lookup("kind", kind, dict.fromkeys(KINDS))
    next_digest(moment, zone_named(zone), hour=hour, weekday=weekday)
    wanted = {"kind": kind, "hour": hour, "weekday": weekday, "zone": zone, "interests": wishes(interests).written()}
    who, table = hash_of(secret, address), schema.subscriber
    with writing(engine) as connection:
        if visitor and not letter_allowed(connection, visitor, who, moment):
            return False
        if not quotas.take(connection, who, "letter", LETTERS, moment):
            return True
        row = connection.execute(select(table).where(table.c.address_hash == who)).one_or_none()
        if row is None:
            name, salt = secrets.token_hex(16), secrets.token_hex(16)
            fresh = {"id": name, "address_hash": who, "address": address, "state": "pending", "salt": salt}
            connection.execute(insert(table).values(created=moment, **fresh, **wanted))
        elif row.state == "gone":
            name, salt = row.id, secrets.token_hex(16)
            again = {"address": address, "state": "pending", "salt": salt, "created": moment}
            connection.execute(update(table).where(table.c.id == name).values(**again, **wanted))
        else:
            name, salt = row.id, row.salt
            connection.execute(update(table).where(table.c.id == name, _unconfirmed()).values(created=moment))
        period = secrets.token_hex(8)
        token = secret.signed("confirm", [name, salt, period], now=moment)
        payload = {"link": f"{settings.base_url}/confirm/{token}", "wanted": wanted}
        domain = domain_of(settings)
        plan(
            connection, "confirm", who=name, period=period, payload=payload, now=moment, domain=domain, subscriber=name
        )
    return True


def letter_allowed(connection: Connection, visitor: str, who: str, now: datetime) -> bool:
    """Whether a visitor may ask for a letter to one more address, known by its hash, on this day. It writes."""
    return quotas.take_another(connection, visitor, "address", who, ADDRESSES, now)


def look(engine: Engine, secret: Secret, token: str, *, now: datetime) -> Link | None:
    """What a link is for and whether it is still good; ``None`` where it is none of ours. Changes nothing."""
    with engine.connect() as connection:
        if secret.read("confirm", token, now=now) is not None:
            row = _named(connection, secret.read("confirm", token, now=now, seconds=GOOD_FOR), 3)
            return Link("confirm", row is not None and row.state != "gone")
        if (value := secret.read("unsubscribe", token, now=now)) is not None:
            return Link("unsubscribe", _named(connection, value, 2) is not None)
    return None


def confirm(engine: Engine, secret: Secret, token: str, *, now: datetime) -> bool:
    """Begin, or change to, what was asked for in the letter with that link; ``False`` where the link is not good.

    A link does so once; pressing it again is fine and changes nothing.
    """
    moment, table, letter = aware(now), schema.subscriber, schema.delivery
    value = secret.read("confirm", token, now=moment, seconds=GOOD_FOR)
    with writing(engine) as connection:
        row = _named(connection, value, 3)
        if row is None or row.state == "gone":
            return False
        own = letter.c.key == f"confirm:{row.id}:{value[2]}"
        payload = json.loads(connection.scalar(select(letter.c.payload).where(own)) or "{}")
        wanted = payload.pop("wanted", None)
        if wanted is None:
            return row.state == "active"
        weekday = wanted["weekday"] if wanted["kind"] == "weekly" else None
        due = next_digest(moment, zone_named(wanted["zone"]), hour=wanted["hour"], weekday=weekday)
        begun = {"state": "active", "confirmed": moment, "next_due": due}
        connection.execute(update(table).where(table.c.id == row.id).values(**begun, **wanted))
        connection.execute(update(letter).where(own).values(payload=json.dumps(payload)))
        if row.state != "active":
            connection.execute(delete(schema.bounce).where(schema.bounce.c.subscriber == row.id))
    return True


def unsubscribe(engine: Engine, secret: Secret, token: str, *, now: datetime) -> bool:
    """End the digests of whoever that link is of; ``False`` where it is none, or of a subscription that has ended
    and was begun anew since. Pressing it again is fine.
    """
    value = secret.read("unsubscribe", token, now=now)
    with writing(engine) as connection:
        row = _named(connection, value, 2)
        if row is not None:
            end(connection, row.id)
    return row is not None


def unsubscribe_address(engine: Engine, secret: Secret, address: str, now: datetime) -> bool:
    """End the digests to an address; ``False`` where it has none.

    Raises:
        InputError: it is no address, or ``now`` is naive.
    """
    aware(now)
    table, who = schema.subscriber, hash_of(secret, mail_address(address))
    with writing(engine) as connection:
        query = select(table.c.id).where(table.c.address_hash == who, table.c.state != "gone")
        name = connection.scalar(query)
        if name is not None:
            end(connection, name)
    return name is not None


def unsubscribe_token(secret: Secret, subscriber: str, salt: str, now: datetime) -> str:
    """What stands in the link that ends the digests of a subscriber; good until the salt is another."""
    return secret.signed("unsubscribe", [subscriber, salt], now=now)


def end(connection: Connection, subscriber: str) -> None:
    """Leave a hash of a subscriber, and no letter that waits. The connection writes.

    The salt stays until a new letter is asked for, so that the link that ended it can be pressed again.
    """
    table, letter = schema.subscriber, schema.delivery
    connection.execute(delete(letter).where(letter.c.subscriber == subscriber, letter.c.state.in_(UNSENT)))
    connection.execute(
        update(letter).where(letter.c.subscriber == subscriber, letter.c.kind == "confirm").values(payload="{}")
    )
    connection.execute(
        update(table)
        .where(table.c.id == subscriber)
        .values(state="gone", address=None, interests="{}", next_due=None, confirmed=None)
    )


def subscribers(connection: Connection) -> list[dict[str, Any]]:
    """Those that are not gone, for the operator's eyes, the first first."""
    table, bounce = schema.subscriber, schema.bounce
    bounces = select(func.count()).where(bounce.c.subscriber == table.c.id).scalar_subquery().label("bounces")
    shown = [table.c[each] for each in ("address", "state", "kind", "hour", "weekday", "zone", "created", "next_due")]
    query = select(*shown, bounces).where(table.c.state != "gone").order_by(table.c.created, table.c.id)
    return [dict(row._mapping) for row in connection.execute(query)]


def hash_of(secret: Secret, address: str) -> str:
    """Under what an address is known; the same for all spellings of one mailbox."""
    return secret.hashed(same_mailbox(address), purpose="address")


def drop_unconfirmed(connection: Connection, now: datetime) -> int:
    """Leave but the hash of those who did not press a link in the days in which it was good; how many."""
    table = schema.subscriber
    late = table.c.created < aware(now) - timedelta(seconds=2 * GOOD_FOR)
    names = list(connection.scalars(select(table.c.id).where(_unconfirmed(), late)))
    for name in names:
        end(connection, name)
    return len(names)


def _unconfirmed() -> ColumnElement[bool]:
    """Waits for the link to be pressed, or never will be because the letter with it was refused."""
    table = schema.subscriber.c
    return (table.state == "pending") | ((table.state == "suspended") & table.confirmed.is_(None))


def _named(connection: Connection, value: Any, parts: int) -> Any:
    """The row of the subscriber of the value of a token; `None` where its salt is another."""
    if not isinstance(value, list) or len(value) != parts or not all(isinstance(each, str) for each in value):
        return None
    table = schema.subscriber
    return connection.execute(select(table).where(table.c.id == value[0], table.c.salt == value[1])).one_or_none()
