"""Opening the database of the feed: one SQLite file unless a URL says otherwise, its tables brought up to date."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs
from sqlalchemy import Connection, Engine, column, create_engine, event, func, insert, inspect, make_url, select, table
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from netopsy.core.errors import InputError, require
from netopsy.core.texts import shortened
from netopsy.feed import schema
from netopsy.feed.calendar import zone_named

FILE = "papers.db"
MIGRATIONS = Path(__file__).parent / "migrations"
BUSY = 5000
"""Milliseconds that a writer waits for another."""
PLACE = 0x6E65746F70737901
"""The number of the lock that a writer holds on PostgreSQL."""
SUPPORTED = ("sqlite", "postgresql")
_ZONE = select(schema.setting.c.value).where(schema.setting.c.name == "zone")


def feed_folder() -> Path:
    """Where the feed keeps its file: ``NETOPSY_FEED_FOLDER``, otherwise the user's folder for data on this system."""
    named = os.environ.get("NETOPSY_FEED_FOLDER")
    try:
        return Path(named or platformdirs.user_data_dir("netopsy", appauthor=False)).expanduser()
    except RuntimeError as error:
        raise InputError(f"NETOPSY_FEED_FOLDER {named!r} cannot be found: {error}") from None


def open_database(url: str | None = None, *, zone: str = "UTC") -> Engine:
    """The database at ``url``, which ``NETOPSY_FEED`` gives where it is not said.

    It is made where there is none, and brought to the present form of its tables.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql+psycopg://...``.
        zone: whose dates are the days of a new database; one that is there keeps its own.

    Raises:
        InputError: no such kind of database, a place where none can be made, or one of a later version of netopsy.
    """
    zone_named(zone)
    given = url or os.environ.get("NETOPSY_FEED") or f"sqlite:///{feed_folder() / FILE}"
    said = shortened(_shown(given))
    try:
        address = make_url(given)
        require(address.get_backend_name() in SUPPORTED, "")
        if address.get_backend_name() == "sqlite" and address.database not in (None, "", ":memory:"):
            file = Path(str(address.database)).expanduser()
            file.parent.mkdir(parents=True, exist_ok=True)
            address = address.set(database=str(file))
        engine = create_engine(address)
    except (ArgumentError, NoSuchModuleError, ImportError, InputError, ValueError, TypeError):
        raise InputError(
            f"the feed's database must be given as sqlite:///FILE or postgresql+psycopg://..., got {said!r}"
        ) from None
    except (OSError, RuntimeError) as error:  # of the disk, of ~ in the name
        why = getattr(error, "strerror", None) or error
        raise InputError(f"the feed's database cannot be made at {said!r}: {why}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    try:
        _bring_up_to_date(engine, zone)
    except InputError:
        raise
    except ValueError as error:  # of the driver
        raise InputError(f"the feed's database {said!r} cannot be opened: {error}") from None
    except DBAPIError as error:
        raise InputError(f"the feed's database {said!r} cannot be opened: {error.orig}") from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, and so holds the one place of a writer from its beginning."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":  # SQLite has the one place by itself
            connection.execute(select(func.pg_advisory_xact_lock(PLACE)))
        yield connection


def _shown(url: str) -> str:
    """An address without the password in it."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)


def beside(url: str, name: str) -> Path:
    """Where a file of that name lies beside the database at ``url``; in `feed_folder` where that is no file."""
    try:
        address = make_url(url) if url else None
        in_file = address is not None and address.get_backend_name() == "sqlite"
        if address is not None and in_file and address.database not in (None, "", ":memory:"):
            return Path(str(address.database)).expanduser().absolute().with_name(name)
    except (ArgumentError, ValueError, RuntimeError):
        pass  # whoever opens it says what is wrong with it
    return feed_folder() / name


def site_zone(connection: Connection) -> str:
    """The zone whose dates are the site's days."""
    return str(connection.scalar(_ZONE))


def _prepare(raw: Any, _: object) -> None:
    raw.isolation_level = None  # transactions are begun below
    for setting in ("journal_mode=WAL", f"busy_timeout={BUSY}", "foreign_keys=ON", "synchronous=NORMAL"):
        raw.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _bring_up_to_date(engine: Engine, zone: str) -> None:
    with engine.connect() as connection:
        if _form(connection) == max(each.name[:4] for each in (MIGRATIONS / "versions").glob("[0-9]*.py")):
            return
    from alembic import command  # a fifth of a second, which most starts need not wait for
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except Exception as error:
            if "locate revision" in str(error):
                raise InputError("the feed's database was made by a later version of netopsy than this one") from None
            raise
        known = set(connection.scalars(select(schema.setting.c.name)))
        first = [{"name": name, "value": value} for name, value in (("zone", zone), ("seq", "0")) if name not in known]
        if first:
            connection.execute(insert(schema.setting), first)


def _form(connection: Connection) -> str | None:
    """The migration that the tables have come to: the four digits by which its file's name begins."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(column("version_num")).select_from(table("alembic_version")))
