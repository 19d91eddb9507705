"""The queue of runs: rows of the database, claimed under a lease; fair between visitors, each run ended once."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, and_, case, delete, func, insert, select, update

from netopsy.core.errors import InputError
from netopsy.feed import first_runs, quotas, schema, votes
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.web.runs.job import Job
from netopsy.web.runs.leases import LEASE, Lease
from netopsy.web.runs.results import FOLDER, RESULT

TRIES = 2
"""A run whose worker died is taken again once."""
DIED = "The process that ran it died twice, so it was given up."
CANCELLED = "It was cancelled."
State = Literal["queued", "running", "done", "failed", "cancelled"]
OVER = ("done", "failed", "cancelled")


class QuotaError(InputError):
    """Somebody has run as much today as they may."""


@dataclass(frozen=True)
class Allowance:
    """How much somebody may run."""

    at_once: int
    a_day: int | None
    """``None`` for as many as they like."""
    kept: timedelta
    """How long their results are kept."""


ANONYMOUS = Allowance(1, 5, timedelta(days=7))
ACCOUNT = Allowance(2, 20, timedelta(days=90))
LOCAL = Allowance(2, None, timedelta(days=7))


@dataclass(frozen=True)
class Asker:
    """Who asks for a run."""

    who: str
    """A keyed hash or the name of an account; never an address."""
    allowance: Allowance
    account: str | None = None


@dataclass(frozen=True)
class RunRow:
    """A run as the database has it."""

    id: str
    who: str
    job: Job
    state: State
    created: datetime
    started: datetime | None
    ended: datetime | None
    expires: datetime
    said: str
    owner: str | None = None
    ahead: int = 0
    """How many wait in front of it, at most."""


@dataclass(frozen=True)
class Event:
    """Something that is told of a run."""

    seq: int
    kind: str
    data: Mapping[str, Any]


def enqueue(engine: Engine, job: Job, asker: Asker, folders: Path, incoming: Path | None, *, now: datetime) -> str:
    """Put a job into the queue; the number of its run.

    What the same visitor has asked for before is there already. One that failed or was cancelled, or whose results are
    gone, is queued again, and a study goes on from the cells that it has.

    Args:
        folders: where each run has a folder of its own.
        incoming: a folder with the files of the job, on the same disk, which is taken over or left.

    Raises:
        QuotaError: as many were run today as may be.
    """
    table, moment, key = schema.run, aware(now), job.key(asker.who)
    with writing(engine) as connection:
        known = connection.execute(select(table.c.id, table.c.state).where(table.c.key == key)).one_or_none()
        if known is not None and (known.state in ("queued", "running") or _kept(folders, known)):
            longer = {"expires": moment + asker.allowance.kept}  # what was asked for just now does not go just then
            connection.execute(update(table).where(table.c.id == known.id).values(**longer))
            return str(known.id)
        allowed = asker.allowance
        most = allowed.a_day
        if most is not None and not quotas.take(connection, asker.who, "run", most, moment):
            raise QuotaError(
                f"{most} runs a day are what a visitor without an account may have; tomorrow there are more"
                if asker.account is None
                else f"{most} runs a day are what an account may have"
            )
        waits = {"state": "queued", "tries": 0, "cancel": False, "said": "", "expires": moment + allowed.kept}
        waits |= {"created": moment, "started": None, "ended": None, "owner": None, "leased_until": None}
        number = secrets.token_hex(16) if known is None else str(known.id)
        if asker.account is not None:
            votes.ensure_account(connection, asker.account, moment)
        if known is None:
            told = {"who": asker.who, "account": asker.account, "job": job.to_text(), "most": allowed.at_once}
            connection.execute(insert(table).values(id=number, key=key, **told, **waits))
        else:
            connection.execute(update(table).where(table.c.id == number).values(**waits))
        _place(folders, number, incoming)  # within the transaction: a run that is seen has its files
        _tell(connection, number, "state", {"state": "queued"}, moment)
    return number


def waiting(engine: Engine) -> bool:
    """Whether there is anything to claim; asked without holding up those who write."""
    table = schema.run.c
    with engine.connect() as connection:
        return connection.scalar(select(table.id).where(table.state == "queued").limit(1)) is not None


def claim(engine: Engine, owner: str, lost: Sequence[Lease] = (), *, now: datetime) -> RunRow | None:
    """Take a run under a lease: of those who run least at the moment, and among them of whoever waited longest.

    Args:
        lost: leases of workers that are dead, as `netopsy.web.runs.leases.Watch` knows them; their runs are settled
            before.
    """
    table, moment = schema.run, aware(now)
    with writing(engine) as connection:
        _reclaim(connection, lost, moment)
        at_work = (
            select(
                table.c.who.label("who"),
                func.sum(case((table.c.state == "running", 1), else_=0)).label("busy"),
                func.max(table.c.started).label("last"),
            )
            .group_by(table.c.who)
            .subquery()
        )
        query = (
            select(table)
            .join(at_work, at_work.c.who == table.c.who)
            .where(table.c.state == "queued", at_work.c.busy < table.c.most)
            .order_by(
                at_work.c.busy,
                case((at_work.c.last.is_(None), 0), else_=1),
                at_work.c.last,
                table.c.created,
                table.c.id,
            )
            .limit(1)
            .with_for_update(of=table, skip_locked=True)
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        held = {"owner": owner, "leased_until": moment + LEASE, "tries": row.tries + 1}
        connection.execute(update(table).where(table.c.id == row.id).values(state="running", started=moment, **held))
        _tell(connection, row.id, "state", {"state": "running"}, moment)
        try:
            return _read(connection.execute(select(table).where(table.c.id == row.id)).one())
        except InputError as error:  # it must not stand in the way of those behind it
            _end(connection, row.id, "failed", f"{str(error)[:1].upper()}{str(error)[1:]}.", moment)
            return None


def beat(engine: Engine, number: str, owner: str, *, now: datetime) -> bool:
    """Say that the worker is alive; ``False`` where the run is to end or is not its own any more."""
    table = schema.run
    own = and_(table.c.id == number, table.c.owner == owner, table.c.state == "running", table.c.cancel.is_(False))
    with writing(engine) as connection:
        return bool(connection.execute(update(table).where(own).values(leased_until=aware(now) + LEASE)).rowcount)


def wanted(engine: Engine, number: str, owner: str) -> bool:
    """`beat` without saying anything: whether the run is still to go on with this worker."""
    table = schema.run.c
    own = and_(table.id == number, table.owner == owner, table.state == "running", table.cancel.is_(False))
    with engine.connect() as connection:
        return connection.scalar(select(table.id).where(own)) is not None


def progress(engine: Engine, number: str, owner: str, data: Mapping[str, Any], *, now: datetime) -> None:
    """Tell how far a run is, if it is still the worker's own."""
    table = schema.run.c
    with writing(engine) as connection:
        own = and_(table.id == number, table.owner == owner, table.state == "running")
        if connection.scalar(select(table.id).where(own)) is not None:
            _tell(connection, number, "progress", data, aware(now))


def finish(engine: Engine, number: str, owner: str, state: State, said: str, *, now: datetime) -> bool:
    """Write down how a run ended; ``False`` where it is not the worker's own any more.

    One that is to be cancelled is, unless it was done before. The first run of a paper that an account has done counts
    for what is trending.
    """
    table, moment = schema.run, aware(now)
    with writing(engine) as connection:
        own = and_(table.c.id == number, table.c.owner == owner, table.c.state == "running")
        row = connection.execute(select(table.c.cancel, table.c.account, table.c.job).where(own)).one_or_none()
        if row is None:
            return False
        if row.cancel and state != "done":
            state, said = "cancelled", CANCELLED
        _end(connection, number, state, said, moment)
        if state == "done" and row.account is not None:
            first_runs.note(connection, Job.from_text(row.job).paper, row.account, moment)
        return True


def release(engine: Engine, number: str, owner: str, *, now: datetime) -> None:
    """Give a run back as if it had never been taken: the worker is to end."""
    table, moment = schema.run, aware(now)
    own = and_(table.c.id == number, table.c.owner == owner, table.c.state == "running")
    with writing(engine) as connection:
        free = {"state": "queued", "tries": table.c.tries - 1, "owner": None, "leased_until": None}
        if connection.execute(update(table).where(own).values(**free)).rowcount:
            _tell(connection, number, "state", {"state": "queued"}, moment)


def cancel(engine: Engine, number: str, *, now: datetime) -> bool:
    """Let a run end; ``False`` where it is over. One that runs is ended by its worker."""
    table, moment = schema.run, aware(now)
    with writing(engine) as connection:
        state = connection.scalar(select(table.c.state).where(table.c.id == number))
        if state == "queued":
            _end(connection, number, "cancelled", CANCELLED, moment)
        elif state == "running":
            connection.execute(update(table).where(table.c.id == number).values(cancel=True))
        return state in ("queued", "running")


def find(engine: Engine, number: str) -> RunRow | None:
    """The run of that number; ``None`` where there is none."""
    table = schema.run
    with engine.connect() as connection:
        row = connection.execute(select(table).where(table.c.id == number)).one_or_none()
        if row is None:
            return None
        before = and_(table.c.state == "queued", table.c.created < row.created)
        ahead = connection.scalar(select(func.count()).select_from(table).where(before)) or 0
        return _read(row, int(ahead) if row.state == "queued" else 0)


def events(engine: Engine, number: str, after: int = 0) -> Sequence[Event]:
    """What was told of a run after that event."""
    table = schema.run_event.c
    query = select(table.seq, table.kind, table.data).where(table.run == number, table.seq > after).order_by(table.seq)
    with engine.connect() as connection:
        return [Event(row.seq, row.kind, json.loads(row.data)) for row in connection.execute(query)]


def _kept(folders: Path, known: Any) -> bool:
    return bool(known.state == "done") and (folders / str(known.id) / FOLDER / RESULT).is_file()


def _place(folders: Path, number: str, incoming: Path | None) -> None:
    """Make the folder of a run, or what is missing in it, out of the one with its files."""
    place = folders / number
    if place.is_dir():
        for each in incoming.iterdir() if incoming is not None else ():
            if not (place / each.name).exists():
                os.rename(each, place / each.name)
        return
    folders.mkdir(parents=True, exist_ok=True, mode=0o700)
    if incoming is not None:
        os.rename(incoming, place)
    else:
        place.mkdir(mode=0o700)


def _reclaim(connection: Connection, lost: Sequence[Lease], now: datetime) -> None:
    """Settle the runs of workers that are dead, where they have not been heard of after all."""
    table = schema.run
    for each in lost:
        held = and_(table.c.owner == each.owner, table.c.leased_until == each.until, table.c.state == "running")
        query = select(table.c.id, table.c.tries, table.c.cancel).where(table.c.id == each.run, held)
        row = connection.execute(query).one_or_none()
        if row is None:
            continue
        if row.cancel:
            _end(connection, row.id, "cancelled", CANCELLED, now)
        elif row.tries >= TRIES:
            _end(connection, row.id, "failed", DIED, now)
        else:
            free = {"state": "queued", "owner": None, "leased_until": None}
            connection.execute(update(table).where(table.c.id == row.id).values(**free))
            _tell(connection, row.id, "state", {"state": "queued"}, now)


def _end(connection: Connection, number: str, state: State, said: str, now: datetime) -> None:
    table, told = schema.run, schema.run_event
    over = {"state": state, "said": said, "ended": now, "owner": None, "leased_until": None}
    connection.execute(update(table).where(table.c.id == number).values(**over))
    _tell(connection, number, "state", {"state": state, "said": said}, now)
    connection.execute(delete(told).where(told.c.run == number, told.c.kind == "progress"))


def _tell(connection: Connection, number: str, kind: str, data: Mapping[str, Any], now: datetime) -> None:
    table = schema.run_event
    last = connection.scalar(select(func.max(table.c.seq)).where(table.c.run == number)) or 0
    connection.execute(insert(table).values(run=number, seq=last + 1, kind=kind, at=now, data=json.dumps(dict(data))))


def _read(row: Any, ahead: int = 0) -> RunRow:
    return RunRow(
        row.id,
        row.who,
        Job.from_text(row.job),
        row.state,
        row.created,
        row.started,
        row.ended,
        row.expires,
        row.said,
        row.owner,
        ahead,
    )
