"""Jobs in processes of their own: whatever one does, it ends in a sentence, and the worker lives on."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from netopsy.core.errors import InputError
from netopsy.feed import Feed
from netopsy.feed.calendar import clock
from netopsy.feed.settings import Settings
from netopsy.web.app import create_app
from netopsy.web.runs import isolation, leases, queue, worker
from netopsy.web.runs.companion import Companion, companions
from netopsy.web.runs.isolation import GIGABYTE, Limits
from netopsy.web.runs.leases import LEASE, Watch
from netopsy.web.runs.results import read_results
from netopsy.web.runs.worker import CHILD, STEP, Slots

LIMITS = {"recipe": Limits(60, 3 * GIGABYTE), "study": Limits(600, 4 * GIGABYTE)}


@pytest.fixture
def started(line, monkeypatch):
    """Slots that take runs from the queue and look at them often, ended with the test."""
    monkeypatch.setattr(worker, "STEP", 0.1)
    monkeypatch.setattr(worker, "LOOK", 0.2)
    all_slots = []

    def start(count=1, limits=LIMITS, warm=0.0):
        slots = Slots(line.engine, line.folders, count, clock, limits, warm)
        slots.start()
        all_slots.append(slots)
        return slots

    line.clock.now = clock()
    yield start
    for each in all_slots:
        each.stop()


def _ended(line, *numbers, within=100):
    """The runs once all of them are over."""
    until = time.monotonic() + within
    while True:
        found = [queue.find(line.engine, each) for each in numbers]
        if all(each.state in queue.OVER for each in found):
            return found
        assert time.monotonic() < until, [each.state for each in found]
        time.sleep(0.1)


def _running(line, number, within=60):
    """Wait until a run has told progress."""
    until = time.monotonic() + within
    while not any(each.kind == "progress" for each in queue.events(line.engine, number)):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_worker_outlives_hogs_crashes_and_mistakes_and_says_what_each_was(line, started):
    names = ("HOG", "CRASH", "BAD", "BROKEN", "NOSY", "QUICK", "MISSING")
    numbers = [line.put(line.toy(name)) for name in names]
    started(2)
    found = dict(zip(names, _ended(line, *numbers), strict=True))
    assert {name: each.state for name, each in found.items()} == dict.fromkeys(names, "failed") | {
        "NOSY": "done",
        "QUICK": "done",
    }
    assert found["HOG"].said == "It needed more than 3 GB of memory."
    assert found["CRASH"].said.startswith("It crashed, most likely")
    assert found["BAD"].said == "The toy must be of wood, and this is not."
    assert found["BROKEN"].said == "It broke with RuntimeError, which should not happen."
    assert "secret" not in found["BROKEN"].said
    assert "cannot be loaded" in found["MISSING"].said
    told = read_results(line.folders / found["QUICK"].id)
    assert told["findings"][0]["sentence"] == "It counted to 1."
    assert told["files"] == ["table-1.csv", "result.json"]
    assert (line.folders / found["QUICK"].id / "result" / "table-1.csv").read_text() == "a,b\n'=1+1,2\n"
    seen = read_results(line.folders / found["NOSY"].id)["findings"][0]["sentence"]
    assert "NETOPSY_FEED" not in seen
    assert "NETOPSY_SECRET_FILE" not in seen
    assert "HF_HUB_OFFLINE" in seen
    if _namespaces():
        assert "OSError 101" in seen  # the network is unreachable, this machine's own included


def test_a_spare_process_waits_for_the_next_job_and_is_given_up(line, started, monkeypatch):
    monkeypatch.setattr("netopsy.web.runs.worker.CHILD", "netopsy_run_child")
    first = line.put(line.toy("NOSY"))
    slots = started(1, warm=1.0)
    _ended(line, first)
    until = time.monotonic() + 60
    while not _children(os.getpid()):
        assert time.monotonic() < until
        time.sleep(0.01)
    second = line.put(line.toy("NOSY"), "another")
    (found,) = _ended(line, second)
    assert found.state == "done"
    told = [read_results(line.folders / each)["findings"][0]["sentence"] for each in (first, second)]
    assert told[0] == told[1]  # it has no more of the machine than one that did not wait
    until = time.monotonic() + 60
    while _children(os.getpid()):
        assert time.monotonic() < until
        time.sleep(0.05)
    slots.stop()


def test_an_endless_loop_is_ended_when_its_time_is_over(line, started):
    number = line.put(line.toy("ENDLESS"))
    started(1, {"recipe": Limits(2, 3 * GIGABYTE)})
    (found,) = _ended(line, number)
    assert (found.state, found.said) == ("failed", "It took longer than 2 seconds, which is all that it may.")


def test_progress_comes_at_most_four_times_a_second_and_cancelling_ends_it(line, started, monkeypatch):
    monkeypatch.setattr(worker, "STEP", STEP)
    number = line.put(line.toy("QUICK", times=10_000))
    started()
    _running(line, number)
    begun, first = time.monotonic(), len(queue.events(line.engine, number))
    time.sleep(1.5)
    told = queue.events(line.engine, number)
    assert 1 <= len(told) - first <= 4 * (time.monotonic() - begun) + 1
    assert told[-1].data | {"done": 0} == {"what": "counting", "done": 0, "total": 10_000, "note": ""}
    assert told[-1].data["done"] > 0
    asked = time.monotonic()
    assert queue.cancel(line.engine, number, now=clock())
    (found,) = _ended(line, number)
    assert (found.state, found.said) == ("cancelled", queue.CANCELLED)
    assert time.monotonic() - asked < 15
    assert read_results(line.folders / number) is None


def test_a_worker_that_is_asked_to_end_gives_its_run_back(line, started):
    number = line.put(line.toy("QUICK", times=10_000))
    slots = started()
    _running(line, number)
    slots.stop()
    assert queue.find(line.engine, number).state == "queued"
    assert queue.claim(line.engine, "another", now=clock()).id == number


def test_of_two_workers_one_is_killed_and_each_run_ends_once(line, started, monkeypatch):
    numbers = [line.put(line.toy("QUICK", times=each), f"who {each}") for each in (40, 41, 42, 10_000)]
    around = os.environ | {"NETOPSY_FEED": str(line.engine.url), "NETOPSY_RUNS": str(line.folders)}
    script = (
        "from netopsy.cli import main; from netopsy.web.runs import worker\n"
        "worker.CHILD = 'netopsy_run_child'  # whose spare process has little to import\n"
        "main(['worker', '--slots', '1'])"
    )
    other = subprocess.Popen([sys.executable, "-c", script], env=around, stdout=subprocess.PIPE, text=True)
    assert "1 runs at once" in other.stdout.readline()
    started()
    long = numbers[-1]
    _running(line, long)
    _ended(line, *numbers[:-1])
    owner = queue.find(line.engine, long).owner
    child = _children(other.pid)
    other.kill()
    other.communicate()
    until = time.monotonic() + 60
    while any(map(_alive, child)):  # a job dies with its worker
        assert time.monotonic() < until
        time.sleep(0.01)
    if owner == queue.find(line.engine, long).owner and child:  # the long one was with the killed worker
        watch, late = Watch(), clock()
        for _ in range(LEASE // leases.STEP + 1):
            lost, late = watch.lost(line.engine, now=late), late + leases.STEP
        assert queue.claim(line.engine, "third", lost, now=late).id == long
        queue.finish(line.engine, long, "third", "done", "", now=late)
    else:
        queue.cancel(line.engine, long, now=clock())
        _ended(line, long)
    for each in numbers:
        states = [event.data["state"] for event in queue.events(line.engine, each)]
        assert sum(state in queue.OVER for state in states) == 1, states


def test_a_study_streams_its_cells_is_cancelled_and_goes_on_from_them(line, started):
    from netopsy.web.runs.job import Job

    job = Job("study", "netopsy_run_study:STUDY", preset="smoke")
    number = line.put(job)
    started()
    cells = line.folders / number / "study" / "cells"
    until = time.monotonic() + 100
    while not cells.is_dir() or not any(cells.glob("*.json")):
        assert time.monotonic() < until
        time.sleep(0.05)
    queue.cancel(line.engine, number, now=clock())
    (found,) = _ended(line, number)
    assert found.state == "cancelled"
    kept = {each.name: each.stat().st_mtime_ns for each in cells.glob("*.json")}
    assert kept
    assert line.put(job) == number
    (found,) = _ended(line, number)
    assert found.state == "done"
    told = read_results(line.folders / number)
    assert told["findings"][0]["sentence"].endswith("claims hold with the preset smoke.")
    assert "rows.csv" in told["files"]
    now = {each.name: each.stat().st_mtime_ns for each in cells.glob("*.json")}
    assert len(now) > len(kept)
    assert {name: now[name] for name in kept} == kept


def test_a_worker_ends_with_the_process_that_started_it(tmp_path):
    around = os.environ | {"NETOPSY_FEED": f"sqlite:///{tmp_path}/papers.db"}
    script = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'netopsy', 'worker', '--beside', str(os.getpid())]\n"
        "print(subprocess.Popen(command, start_new_session=True).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], env=around, stdout=subprocess.PIPE, text=True) as starter:
        number = int(starter.stdout.readline())
        starter.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while _alive(number):
        assert time.monotonic() < until
        time.sleep(0.1)


def test_two_pages_and_two_workers_agree(line, started, tmp_path):
    feeds = [Feed(line.engine, tmp_path / "index") for _ in range(2)]
    there = Settings(
        base_url="https://papers.example.org", runs=str(line.folders), secret_file=str(tmp_path / "secret")
    )
    options = {"base_url": there.base_url, "follow_redirects": False}
    pages = [TestClient(create_app(feed, there, now=lambda: line.clock.now), **options) for feed in feeds]
    toys = [line.put(line.toy("QUICK", times=each), f"who {each}") for each in range(1, 4)]
    for number in range(5):  # the day's runs of one visitor, wherever they ask
        answer = pages[number % 2].post("/api/v1/runs/examination", json={"seed": number})
        assert answer.status_code == 202, answer.text
        queue.cancel(line.engine, answer.json()["run"], now=line.clock.now)
    assert [each.post("/api/v1/runs/study", json={"paper": "x"}).status_code for each in pages] == [404, 404]
    assert [each.post("/api/v1/runs/examination", json={"seed": 9}).status_code for each in pages] == [429, 429]
    started(1)
    started(1)
    _ended(line, *toys)
    for each in toys:
        told = [page.get(f"/api/v1/runs/{each}").json() for page in pages]
        assert told[0] == told[1]
        assert told[0]["state"] == "done"
        states = [event.data["state"] for event in queue.events(line.engine, each)]
        assert states == ["queued", "running", "done"]


def test_nothing_of_the_operator_is_around_a_job():
    around = {"NETOPSY_FEED": "x", "AWS_SECRET": "y", "PATH": "/bin", "HTTPS_PROXY": "z", "NETOPSY_MAIL": "m"}
    found = isolation.surroundings(around)
    assert found["PATH"] == "/bin"
    assert not {"NETOPSY_FEED", "AWS_SECRET", "HTTPS_PROXY", "NETOPSY_MAIL"} & set(found)


def test_relative_places_of_the_operator_are_the_same_for_a_job(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = isolation.surroundings({"PYTHONPATH": f"src{os.pathsep}/lib", "NETOPSY_DATA": "data", "PATH": "bin"})
    assert found["PYTHONPATH"] == f"{tmp_path}/src{os.pathsep}/lib"
    assert found["NETOPSY_DATA"] == f"{tmp_path}/data"
    assert found["PATH"] == "bin"
    assert Path(found["NETOPSY_CACHE"]).is_absolute()


def test_a_full_disk_is_said_to_be_full():
    from netopsy.lab.errors import StorageError
    from netopsy.web.runs.child import _said

    assert "disk of this site is full" in _said(OSError(errno.ENOSPC, "No space left on device"), 3.0, Path("/runs/1"))
    assert "disk of this site is full" in _said(StorageError(errno.EDQUOT, "cannot write x"), 3.0, Path("/runs/1"))
    assert "larger file" in _said(OSError(errno.EFBIG, "File too large"), 3.0, Path("/runs/1"))


def test_what_is_said_of_a_file_does_not_tell_where_it_lies():
    from netopsy.web.runs.child import _said

    error = InputError("the weights in '/home/somebody/runs/1/input-0.safetensors' are damaged")
    assert _said(error, 3.0, Path("/home/somebody/runs/1")) == "The weights in 'input-0.safetensors' are damaged."


def test_a_worker_that_is_killed_is_started_again_and_ends_with_the_page(tmp_path):
    script = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1], str(os.getpid())).touch(); time.sleep(60)"

    def alive(count):
        until = time.monotonic() + 20
        while len(found := {int(each.name) for each in tmp_path.iterdir()}) < count:
            assert time.monotonic() < until
            time.sleep(0.05)
        return found

    kept = Companion("it", [sys.executable, "-S", "-c", script, str(tmp_path)])
    with companions([kept], os.environ, threading.Event(), pause=0.05):
        first = alive(1)
        os.kill(*first, signal.SIGKILL)
        second = alive(2) - first
    assert not any(map(_alive, second))


def test_lines_of_progress_are_those_of_the_outermost_task():
    from netopsy.web.runs.child import Lines

    moment, lines = [0.0], []
    reporter = Lines(lines.append, lambda: moment[0])
    outer = reporter.start("outer", 3)
    inner = reporter.start("inner", None)
    moment[0] = 1.0
    reporter.advance(inner, 5)
    reporter.advance(outer, 1, "too soon")
    reporter.finish(inner)
    moment[0] = 2.0
    reporter.advance(outer, 1, "second")
    assert lines == [
        {"what": "outer", "done": 0, "total": 3, "note": ""},
        {"what": "outer", "done": 0, "total": 3, "note": "inner"},
        {"what": "outer", "done": 2, "total": 3, "note": "second"},
    ]
    assert json.dumps(lines)


def _namespaces():
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


def _children(number):
    """Processes that carry out jobs; the tests' own process may have started a database server or a browser besides."""
    command = ["ps", "-o", "pid=,args=", "--ppid", str(number)]
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [int(each.split()[0]) for each in out.splitlines() if CHILD in each or "netopsy_run_child" in each]


def _alive(number):
    try:
        with open(f"/proc/{number}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
