"""Who is signed in: a random token in a browser, of which the database keeps a keyed hash.

The tokens of one browser since it signed in are a family: a token is replaced once a day, and the one before it stays
good for a minute, for what the browser had under way.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, or_, select, update

from netopsy.feed import schema
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.secrets import Secret

UNUSED = timedelta(days=90)
"""After which a session in whose name nothing was done is over."""
REPLACED = timedelta(days=1)
NOTICED = timedelta(hours=1)
"""How exactly is known when a session was used last."""
GRACE = timedelta(minutes=1)
_TOKEN = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class Session:
    """A browser that is signed in."""

    account: str
    family: str
    address_hash: str


def begin(connection: Connection, secret: Secret, account: str, now: datetime) -> str:
    """A token of a new family. The connection writes."""
    return _insert(connection, secret, account, secrets.token_hex(16), aware(now))


def session_of(engine: Engine, secret: Secret, token: str, now: datetime) -> Session | None:
    """Whose token that is; ``None`` where it is nobody's, or not good any more. Changes nothing."""
    if not _TOKEN.fullmatch(token):
        return None
    table, person = schema.session, schema.account
    own = table.c.token_hash == _hashed(secret, token)
    query = select(table.c.account, table.c.family, person.c.address_hash).join(person).where(own, _good(aware(now)))
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Session(row.account, row.family, row.address_hash or "")


def use(engine: Engine, secret: Secret, token: str, now: datetime) -> str | None:
    """Note that something is done in the name of a token; the one that takes its place, once a day."""
    moment, table = aware(now), schema.session
    own = table.c.token_hash == _hashed(secret, token)
    with engine.connect() as connection:
        row = connection.execute(select(table).where(own)).one_or_none()
    if row is None or row.revoked is not None or moment - row.seen < NOTICED:
        return None
    with writing(engine) as connection:
        values = {"seen": moment}
        if moment - row.created < REPLACED:
            connection.execute(update(table).where(own).values(**values))
            return None
        still = connection.execute(
            update(table).where(own, table.c.revoked.is_(None)).values(revoked=moment + GRACE, **values)
        )
        return _insert(connection, secret, row.account, row.family, moment) if still.rowcount else None


def revoke(connection: Connection, *, family: str = "", account: str = "") -> int:
    """Sign out the browser of that family, or all those of an account; how many tokens went. The connection writes."""
    table = schema.session
    return connection.execute(
        delete(table).where(table.c.family == family if family else table.c.account == account)
    ).rowcount


def count(engine: Engine, account: str, now: datetime) -> int:
    """In how many browsers an account is signed in."""
    table = schema.session
    query = select(func.count(table.c.family.distinct())).where(table.c.account == account, _good(aware(now)))
    with engine.connect() as connection:
        return connection.scalar(query) or 0


def drop_over(connection: Connection, now: datetime) -> int:
    """Drop what is not good any more; how many."""
    return connection.execute(delete(schema.session).where(~_good(aware(now)))).rowcount


def _good(now: datetime) -> ColumnElement[bool]:
    table = schema.session.c
    return or_(table.revoked.is_(None), table.revoked > now) & (table.seen > now - UNUSED)


def _insert(connection: Connection, secret: Secret, account: str, family: str, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    values = {"token_hash": _hashed(secret, token), "family": family, "account": account, "created": now, "seen": now}
    connection.execute(insert(schema.session).values(**values))
    return token


def _hashed(secret: Secret, token: str) -> str:
    return secret.hashed(token, purpose="session")
