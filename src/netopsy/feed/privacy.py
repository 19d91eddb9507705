"""What is known of whoever reads mail at an address or has an account, handed out or deleted."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, delete, or_, select, update

from netopsy.feed import accounts, schema, traces
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
        own = _letters_to(written, hash_of(secret, written))
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
        name = _account_at(connection, secret, written)
        own_account = None if name is None else _account(connection, name)
    return {
        "subscription": about,
        "letters": letters,
        "papers": papers,
        "bounces": bounces,
        "account": own_account,
    }


def my_account(engine: Engine, secret: Secret, account: str) -> dict[str, Any]:
    """All that is kept of an account, and of its address where it has one; see `my_data`."""
    with engine.connect() as connection:
        address = connection.scalar(select(schema.account.c.address).where(schema.account.c.id == account))
        found = {"account": _account(connection, account)}
    return my_data(engine, secret, address) if address else found


def forget(engine: Engine, secret: Secret, address: str, now: datetime) -> bool:
    """Delete all that is kept of an address; ``False`` where nothing was.

    A keyed hash stays, so that nothing but a new confirmation brings the address back.

    Raises:
        InputError: it is no address, or ``now`` is naive.
    """
    moment, written = aware(now), mail_address(address)
    person, letter = schema.subscriber, schema.delivery
    with writing(engine) as connection:
        known = _account_at(connection, secret, written)
        link = schema.sign_in_link
        connection.execute(delete(link).where(link.c.address_hash == hash_of(secret, written)))
        had = known is not None and accounts.remove(connection, known, moment)
        others = connection.execute(delete(letter).where(_letters_to(written, hash_of(secret, written)))).rowcount
        name = connection.scalar(select(person.c.id).where(person.c.address_hash == hash_of(secret, written)))
        if name is None:
            return had or bool(others)
        end(connection, name)
        for table in (schema.delivery_paper, schema.bounce, letter):
            connection.execute(delete(table).where(table.c.subscriber == name))
        nothing = {"kind": "daily", "hour": 0, "weekday": 0, "zone": "UTC", "created": moment}
        connection.execute(update(person).where(person.c.id == name).values(**nothing))
    return True


def forget_account(engine: Engine, secret: Secret, account: str, now: datetime) -> None:
    """Delete an account, and all that is kept of its address where it has one; see `forget`."""
    with engine.connect() as connection:
        address = connection.scalar(select(schema.account.c.address).where(schema.account.c.id == account))
    if address:
        forget(engine, secret, address, now)
        return
    with writing(engine) as connection:
        accounts.remove(connection, account, aware(now))


def _letters_to(address: str, who: str) -> ColumnElement[bool]:
    """Those to an address itself; of the ones that are out its hash is left."""
    letter = schema.delivery.c
    return or_(letter.address == address, letter.key.startswith(f"sign-in:{who}:"))


def _account_at(connection: Connection, secret: Secret, address: str) -> str | None:
    table = schema.account.c
    found: str | None = connection.scalar(select(table.id).where(table.address_hash == hash_of(secret, address)))
    return found


def _account(connection: Connection, name: str) -> dict[str, Any] | None:
    person, vote, shelf, session = schema.account, schema.vote.c, schema.shelf.c, schema.session.c
    run, done = schema.run.c, schema.first_run.c
    row = connection.execute(select(person).where(person.c.id == name)).one_or_none()
    if row is None:
        return None
    beside = {
        "votes": select(vote.paper, vote.at).where(vote.account == name).order_by(vote.at, vote.paper),
        "shelf": select(shelf.paper, shelf.tags, shelf.note, shelf.added, shelf.read)
        .where(shelf.account == name)
        .order_by(shelf.added, shelf.paper),
        "runs": select(run.id, run.job, run.state, run.created, run.ended)
        .where(run.account == name)
        .order_by(run.created, run.id),
        "first_runs": select(done.paper, done.at).where(done.account == name).order_by(done.at, done.paper),
        "sessions": select(session.created, session.seen).where(session.account == name).order_by(session.created),
    }
    about: dict[str, Any] = {each: _plain(getattr(row, each)) for each in ("address", "created", "banned_until")}
    for title, query in beside.items():
        about[title] = [
            {key: _plain(value) for key, value in each._mapping.items()} for each in connection.execute(query)
        ]
    for each in about["shelf"]:
        each["tags"] = json.loads(each["tags"])
    return about | traces.data_of(connection, name)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
