"""Accounts: made by the first link that is pressed, without passwords; what one may not do; and deleting one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, delete, insert, select, update

from netopsy.core.errors import InputError
from netopsy.feed import quotas, schema, sessions, traces, votes
from netopsy.feed.addresses import mail_address
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.mail.plan import plan
from netopsy.feed.mail.verp import domain_of
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings
from netopsy.feed.subscriptions import ADDRESSES, LETTERS, hash_of, letter_allowed

LOCAL = "local"
"""The account of the user of this machine."""
TOO_MANY = f"Letters can be asked for to {ADDRESSES} addresses a day, and you have done so; come back tomorrow."
GOOD_FOR = timedelta(minutes=15)
"""How long a link signs in."""


class BannedError(InputError):
    """An account may not speak at present; the message says until when."""


@dataclass(frozen=True)
class SignedIn:
    """What became of a link."""

    token: str
    """Of the new session."""
    back: str
    """The page to come back to."""


def ask(
    engine: Engine, settings: Settings, secret: Secret, typed: str, *, visitor: str, back: str = "/", now: datetime
) -> bool:
    """Write a link to an address that signs in whoever reads the letter.

    The same is done for addresses with and without an account, and nothing where the day's letters to one are used up.

    Args:
        visitor: a keyed hash of who asks.
        back: the page to come back to.

    Returns:
        ``False`` where the visitor has asked for letters to too many different addresses on this day.

    Raises:
        InputError: it is no address.
    """
    address, moment = mail_address(typed), aware(now)
    who = hash_of(secret, address)
    with writing(engine) as connection:
        if not letter_allowed(connection, visitor, who, moment):
            return False
        if not quotas.take(connection, who, "letter", LETTERS, moment):
            return True
        token = secrets.token_urlsafe(32)
        row = {"address_hash": who, "address": address, "back": back, "created": moment}
        connection.execute(insert(schema.sign_in_link).values(token_hash=_hashed(secret, token), **row))
        payload = {"link": f"{settings.base_url}/sign-in/{token}"}
        period, domain = secrets.token_hex(8), domain_of(settings)
        plan(connection, "sign-in", who=who, period=period, payload=payload, now=moment, domain=domain, address=address)
    return True


def link_good(engine: Engine, secret: Secret, token: str, now: datetime) -> bool:
    """Whether a link would sign in. Changes nothing."""
    table = schema.sign_in_link.c
    query = select(table.created).where(table.token_hash == _hashed(secret, token), _good(aware(now)))
    with engine.connect() as connection:
        return connection.scalar(query) is not None


def sign_in(engine: Engine, secret: Secret, token: str, *, leaving: str = "", now: datetime) -> SignedIn | None:
    """Begin a session by a link, which does so once; ``None`` where it is not good.

    Args:
        leaving: the family of the session that the browser had, which ends.
    """
    moment, table = aware(now), schema.sign_in_link
    own = table.c.token_hash == _hashed(secret, token)
    with writing(engine) as connection:
        row = connection.execute(select(table).where(own, _good(moment))).one_or_none()
        if row is None:
            return None
        connection.execute(delete(table).where(own))
        account = _account_at(connection, row.address_hash, row.address, moment)
        if leaving:
            sessions.revoke(connection, family=leaving)
        return SignedIn(sessions.begin(connection, secret, account, moment), row.back)


def make_local(engine: Engine, name: str, now: datetime) -> None:
    """The account of this machine's user, made where there is none; it has no address."""
    table = schema.account
    query = select(table.c.id).where(table.c.id == name)
    with engine.connect() as connection:
        if connection.scalar(query) is not None:
            return
    with writing(engine) as connection:
        if connection.scalar(query) is None:
            connection.execute(insert(table).values(id=name, created=aware(now)))


def check_not_banned(connection: Connection, account: str, now: datetime) -> None:
    """Refuse an account that may not speak at present.

    Raises:
        BannedError: until when it may not.
    """
    table = schema.account.c
    until = connection.scalar(select(table.banned_until).where(table.id == account))
    if until is not None and until > aware(now):
        raise BannedError(f"this account may not vote, comment or submit until {until:%Y-%m-%d %H:%M} UTC")


def remove(connection: Connection, account: str, now: datetime) -> bool:
    """Delete an account with its votes, texts, shelf and sessions; ``False`` where there is none. It writes.

    Of one that is banned its hash stays until the ban is over, so that a new account is none either.
    """
    table = schema.account
    own = table.c.id == account
    row = connection.execute(select(table).where(own)).one_or_none()
    if row is None:
        return False
    votes.take_all_back(connection, account)
    traces.forget(connection, account)
    if row.banned_until is not None and row.banned_until > aware(now) and row.address_hash is not None:
        for other in (schema.shelf, schema.session, schema.run):
            connection.execute(delete(other).where(other.c.account == account))
        connection.execute(update(table).where(own).values(address=None))
    else:
        connection.execute(delete(table).where(own))
    return True


def drop_over(connection: Connection, now: datetime) -> None:
    """Drop links and sessions that are not good any more, and what a ban that is over left."""
    moment, table, link = aware(now), schema.account, schema.sign_in_link
    connection.execute(delete(link).where(~_good(moment)))
    deleted = table.c.address.is_(None) & table.c.address_hash.is_not(None)
    connection.execute(delete(table).where(deleted, table.c.banned_until <= moment))
    sessions.drop_over(connection, moment)


def _account_at(connection: Connection, address_hash: str, address: str, now: datetime) -> str:
    table = schema.account
    own = table.c.address_hash == address_hash
    name = connection.scalar(select(table.c.id).where(own))
    if name is None:
        name = secrets.token_hex(16)
        row = {"id": name, "created": now, "address_hash": address_hash, "address": address}
        connection.execute(insert(table).values(**row))
    else:
        connection.execute(update(table).where(own).values(address=address))
    return str(name)


def _good(now: datetime) -> ColumnElement[bool]:
    """A link that is young enough; one that was written while the clock was ahead is not."""
    created = schema.sign_in_link.c.created
    return (created > now - GOOD_FOR) & (created <= now + timedelta(minutes=1))


def _hashed(secret: Secret, token: str) -> str:
    return secret.hashed(token, purpose="sign-in")
