"""Workers: each slot takes a run from the queue, carries it out behind walls, and lives on whatever comes of it."""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from netopsy.web.runs import forms, isolation, queue
from netopsy.web.runs.child import JOB, no_room
from netopsy.web.runs.isolation import LIMITS, Limits
from netopsy.web.runs.job import JobKind
from netopsy.web.runs.leases import Watch
from netopsy.web.runs.queue import RunRow, State

_LOG = logging.getLogger("netopsy.web")
STEP = 0.25
"""Seconds between two looks at a job: at most one event comes of each."""
BEAT = 5.0
BRIEF = 0.5
"""Seconds that processes have when this one is to end."""
LOOK = 1.0
"""Seconds between two looks whether a run is still wanted."""
CHILD = "netopsy.web.runs.child"


@dataclass
class Slots:
    """So many runs at once, each in a thread that watches the process of its job."""

    engine: Engine
    folders: Path
    count: int
    now: Callable[[], datetime]
    limits: Mapping[JobKind, Limits] = field(default_factory=lambda: LIMITS)
    """What each kind of job may take."""
    warm: float = 300.0
    """Seconds after a run in which a process that has imported most of what the next one needs is kept ready."""
    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to take runs."""
        name = secrets.token_hex(8)
        for number in range(self.count):
            slot = threading.Thread(target=self._serve, args=(f"{name}-{number}",), name=f"slot {number}")
            slot.start()
            self.threads.append(slot)

    def stop(self) -> None:
        """Let it end; what runs goes back into the queue."""
        self.over.set()
        for each in self.threads:
            each.join()

    def _serve(self, owner: str) -> None:
        with closing(_Spare(self.warm)) as spare:
            self._take_runs(owner, spare)

    def _take_runs(self, owner: str, spare: _Spare) -> None:
        watch = Watch()
        while not self.over.is_set():
            try:
                taken = self._claimed(owner, watch)
                if taken is not None:
                    self._carry_out(taken, owner, spare)
                    spare.renew()
                    continue
                spare.tidy()
            except Exception as error:  # a database that does not answer now may later
                _LOG.error("a worker waits: %s", type(error).__name__)
                self.over.wait(5.0)
            self.over.wait(STEP)

    def _claimed(self, owner: str, watch: Watch) -> RunRow | None:
        lost = watch.lost(self.engine, now=self.now())
        if not lost and not queue.waiting(self.engine):
            return None
        return queue.claim(self.engine, owner, lost, now=self.now())

    def _carry_out(self, run: RunRow, owner: str, spare: _Spare) -> None:
        folder, limits = self.folders / run.id, self.limits[run.job.kind]
        try:
            (folder / JOB).write_text(run.job.to_text(), encoding="utf-8")
            process = spare.hand_over(folder, limits)
        except OSError as error:
            _LOG.error("a job cannot be started: %s", error.strerror)
            queue.finish(self.engine, run.id, owner, "failed", _not_started(error), now=self.now())
            return
        try:
            state, said = self._watched(process, run.id, owner, limits)
        finally:
            isolation.stop(process, grace=isolation.GRACE)
        if state == "queued":
            queue.release(self.engine, run.id, owner, now=self.now())
        else:
            queue.finish(self.engine, run.id, owner, state, said, now=self.now())

    def _watched(self, process: subprocess.Popen[bytes], number: str, owner: str, limits: Limits) -> tuple[State, str]:
        """Hand on progress until the process ends, its time is over, or nobody wants it any more."""
        lines = _Reader(process)
        begun = beaten = looked = time.monotonic()
        told: Mapping[str, Any] = {}
        while process.poll() is None:
            self.over.wait(STEP)
            moment = time.monotonic()
            if self.over.is_set():
                isolation.stop(process, BRIEF)
                return "queued", ""
            if moment - begun > limits.seconds:
                isolation.stop(process)
                return "failed", f"It took longer than {limits.seconds} seconds, which is all that it may."
            if moment - beaten >= BEAT:
                beaten = looked = moment
                going = queue.beat(self.engine, number, owner, now=self.now())
            elif moment - looked >= LOOK:
                looked = moment
                going = queue.wanted(self.engine, number, owner)
            else:
                going = True
            if not going:
                isolation.stop(process)
                return "cancelled", queue.CANCELLED
            found = lines.latest()
            if found is not None and found != told and "ended" not in found:
                told = found
                queue.progress(self.engine, number, owner, told, now=self.now())
        lines.join(5.0)
        last = lines.latest() or {}
        ended = last.get("ended")
        if ended in ("done", "failed", "cancelled"):
            return ended, str(last.get("said", ""))
        return "failed", isolation.why(process.returncode, limits.memory)


class _Spare:
    """A process that waits for a job, where there is one: each does one job alone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._until = 0.0

    def hand_over(self, folder: Path, limits: Limits) -> subprocess.Popen[bytes]:
        """Hand a job to the spare process, or to a new one where there is none or it has just died.

        Raises:
            OSError: no process can be started.
        """
        process, self._process = self._process, None
        if process is not None:
            try:
                isolation.hand_over(process, folder, limits)
                return process
            except OSError:
                isolation.stop(process)
                _closed(process)
        process = isolation.start(CHILD)
        isolation.hand_over(process, folder, limits)
        return process

    def renew(self) -> None:
        """Begin with the next one, which imports what it can while nobody waits."""
        if self._process is None and self._seconds > 0:
            self._process = isolation.start(CHILD, "warm")
        self._until = time.monotonic() + self._seconds

    def tidy(self) -> None:
        """Give up one that nobody needed for long."""
        if time.monotonic() > self._until:
            self.close()

    def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            isolation.stop(process, BRIEF)
            _closed(process)


def _not_started(error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "Its files are not there any more."
    return no_room(error) or "It could not be started, for want of memory or processes; try it again later."


def _closed(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()


class _Reader(threading.Thread):
    """Reads the lines of a job, so that it never waits for us, and keeps the last one."""

    LONGEST = 10_000

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        assert process.stdout is not None
        self._stream = process.stdout
        self._last: Any = None
        self.start()

    def run(self) -> None:
        """Read until the end."""
        with suppress(OSError, ValueError), self._stream:
            while line := self._stream.readline(self.LONGEST):
                with suppress(ValueError):
                    self._last = json.loads(line)

    def latest(self) -> Mapping[str, Any] | None:
        """The last line, if it is one of ours."""
        return self._last if isinstance(self._last, dict) else None


def serve(slots: Slots, beside: int | None, *, asked: threading.Event) -> None:
    """Work until ``asked`` is set, or until the process ``beside``, which started this one, is gone."""
    slots.start()
    if beside is not None and slots.count:  # a page, whose forms are wanted soon
        threading.Thread(target=forms.prepare, daemon=True).start()
    try:
        while not asked.wait(0.5):
            if beside is not None and os.getppid() != beside:
                break
    finally:
        slots.stop()
