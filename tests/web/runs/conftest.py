"""A database with a queue, a folder for its runs, and toys that a job's process can import."""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from netopsy.feed.database import open_database
from netopsy.web.runs import queue
from netopsy.web.runs.job import Job
from netopsy.web.runs.queue import ANONYMOUS, LOCAL, Asker

TOYS = Path(__file__).parent / "toys"
SOURCE = Path(__file__).parents[3] / "src"
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def toy(name, **options):
    """The job of one of the toys."""
    return Job("recipe", f"netopsy_run_toys:{name}", (), {key: str(value) for key, value in options.items()})


@pytest.fixture(autouse=True)
def _found(monkeypatch, tmp_path_factory):
    monkeypatch.setenv("PYTHONPATH", f"{SOURCE}:{TOYS}")
    monkeypatch.setattr(sys, "path", [*sys.path, str(TOYS)])


@pytest.fixture
def engine(tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "papers.db")
    made = open_database(f"sqlite:///{tmp_path}/papers.db")
    yield made
    made.dispose()


@pytest.fixture
def line(engine, tmp_path):
    """A queue whose clock the test moves."""
    clock = SimpleNamespace(now=NOW)
    folders = tmp_path / "runs"

    def put(job, who="local", allowance=LOCAL, incoming=None):
        clock.now += timedelta(seconds=1)
        return queue.enqueue(engine, job, Asker(who, allowance), folders, incoming, now=clock.now)

    return SimpleNamespace(clock=clock, folders=folders, engine=engine, put=put, toy=toy, ANONYMOUS=ANONYMOUS)
