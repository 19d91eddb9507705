"""Runs whose time is over go, with all that was kept of them."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete, select

from netopsy.feed import schema
from netopsy.feed.calendar import aware
from netopsy.feed.database import beside, writing
from netopsy.feed.settings import Settings

LEFT = timedelta(days=1)
"""A folder that belongs to no run is an upload at first, and nobody's later."""
INCOMING = "incoming-"
_OURS = re.compile(rf"(?:{INCOMING})?[0-9a-f]{{32}}")


def runs_folder(engine: Engine, settings: Settings) -> Path:
    """Where each run has its folder: as the settings say, otherwise beside the database."""
    if settings.runs:
        return Path(settings.runs).expanduser().absolute()
    return beside(engine.url.render_as_string(hide_password=False), "runs")


def expire(engine: Engine, folders: Path, *, now: datetime) -> int:
    """Delete the runs that have expired, and the folders of no run; how many runs."""
    table, moment = schema.run, aware(now)
    over = (table.c.expires <= moment) & (table.c.state != "running")
    with writing(engine) as connection:
        gone = list(connection.scalars(select(table.c.id).where(over)))
        connection.execute(delete(schema.run_event).where(schema.run_event.c.run.in_(gone)))
        connection.execute(delete(table).where(table.c.id.in_(gone)))
    for number in gone:
        shutil.rmtree(folders / number, ignore_errors=True)
    _sweep(engine, folders, moment)
    return len(gone)


def _sweep(engine: Engine, folders: Path, now: datetime) -> None:
    try:
        found = [each for each in folders.iterdir() if _OURS.fullmatch(each.name)]
    except OSError:  # nothing was run so far
        return
    with engine.connect() as connection:
        known = set(connection.scalars(select(schema.run.c.id)))
    for each in found:
        age = now - datetime.fromtimestamp(each.lstat().st_mtime, UTC)
        if each.name not in known and age > LEFT and not each.is_symlink():
            shutil.rmtree(each, ignore_errors=True)
