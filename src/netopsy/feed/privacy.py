"""What is known of whoever reads mail at an address, handed out or deleted."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select, update

from netopsy.feed import schema
from netopsy.feed.addresses import mail_address
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.secrets import Secret
from netopsy.feed.subscriptions import end, hash_of


def my_data(engine: Engine, secret: Secret, address: str) -> dict[str, Any]:
    """All that is kept of an address, as JSON values; keys, hashes and links that act are left out.

    Raises:
        InputError: it is no address.
    """
    written = mail_address(address)
    person, letter, carried, bounce = schema.subscriber, schema.delivery, schema.delivery_paper, schema.bounce
    with engine.connect() as connection:
        row = connection.execute(select(person).where(person.c.address_hash == hash_of(secret, written))).one_or_none()
        own = letter.c.address == written
        papers: list[str] = []
        bounces: list[dict[str, Any]] = []
        about = None
        if row is not None:
            names = ("address", "state", "kind", "hour", "weekday", "zone", "created", "confirmed", "next_due")
            about = {name: _plain(getattr(row, name)) for name in names} | {"interests": json.loads(row.interests)}
            own |= letter.c.subscriber == row.id
            query = select(carried.c.paper).where(carried.c.subscriber == row.id).order_by(carried.c.paper)
            papers = list(connection.scalars(query))
            reports = connection.execute(select(bounce).where(bounce.c.subscriber == row.id).order_by(bounce.c.id))
            bounces = [
                {name: _plain(getattr(each, name)) for name in ("at", "kind", "status", "said")} for each in reports
            ]
        found = connection.execute(select(letter).where(own).order_by(letter.c.planned, letter.c.id))
        shown = ("kind", "period", "state", "planned", "sent", "tries", "reply")
        letters = [{name: _plain(getattr(each, name)) for name in shown} for each in found]
    return {"subscription": about, "letters": letters, "papers": papers, "bounces": bounces}


def forget(engine: Engine, secret: Secret, address: str, now: datetime) -> bool:
    """Delete all that is kept of an address; ``False`` where nothing was.

    A keyed hash stays, so that nothing but a new confirmation brings the address back.

    Raises:
        InputError: it is no address, or ``now`` is naive.
    """
    moment, written = aware(now), mail_address(address)
    person, letter = schema.subscriber, schema.delivery
    with writing(engine) as connection:
        others = connection.execute(delete(letter).where(letter.c.address == written)).rowcount
        name = connection.scalar(select(person.c.id).where(person.c.address_hash == hash_of(secret, written)))
        if name is None:
            return bool(others)
        end(connection, name)
        for table in (schema.delivery_paper, schema.bounce, letter):
            connection.execute(delete(table).where(table.c.subscriber == name))
        nothing = {"kind": "daily", "hour": 0, "weekday": 0, "zone": "UTC", "created": moment}
        connection.execute(update(person).where(person.c.id == name).values(**nothing))
    return True


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
