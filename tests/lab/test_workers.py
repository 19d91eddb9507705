"""Workers that die, that are killed, and that are far away."""

import json
import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from netopsy import InputError
from netopsy.lab import Cell, CellsFailedError, run, runs
from netopsy.lab.backends import DaskCluster, LocalProcesses, ThisProcess, _Inline
from netopsy.lab.errors import WorkersError
from netopsy.lab.executor import execute
from netopsy.lab.store import CellStore
from netopsy.lab.worker import keys_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills processes the POSIX way")


def stored(folder: Path) -> dict[str, str]:
    """The names of the stored cells by key."""
    found = {}
    for path in (folder / "cells").glob("*.json"):
        cell = json.loads(path.read_bytes().split(b"\n")[1])["cell"]
        found[path.stem] = f"size {cell['size']} seed {cell['seed']}"
    return found


def test_a_worker_that_dies_once_costs_nothing_but_time(toy, tmp_path, measured):
    log = str(tmp_path / "log")
    done = run(toy.study(log=log, bad=("size 2 seed 1",), manner="die once"), "smoke", out=tmp_path / "run", workers=2)
    undisturbed = run(toy.study(), "smoke", out=tmp_path / "other", workers=0)
    pd.testing.assert_frame_equal(done.rows, undisturbed.rows)
    assert measured()["size 2 seed 1"] == 2


def test_a_cell_that_always_kills_its_worker_is_named_and_no_other(toy, tmp_path, measured):
    study = toy.study(log=str(tmp_path / "log"), nap=0.1, bad=("size 1 seed 1",), manner="die")
    with pytest.raises(CellsFailedError) as caught:
        run(study, "smoke", out=tmp_path / "run", workers=2)
    (failure,) = caught.value.failures
    assert failure.cell == "measure, size 1, seed 1"
    assert "its worker died 3 times" in failure.reason
    assert measured()["size 1 seed 1"] == 3
    assert len(stored(tmp_path / "run")) == 11


def test_workers_keep_to_one_thread_and_the_caller_does_not(toy):
    before = dict(os.environ)
    cells = [Cell.of(toy.threads, number=number) for number in range(2)]
    # One worker shows it, for each imports torch.
    outcomes = [outcome for _, outcome in execute(lambda cell: toy.threads, cells, LocalProcesses(1, [toy.threads]))]
    assert [outcome.error for outcome in outcomes] == [""] * 2
    assert {(row["threads"], row["variable"]) for outcome in outcomes for row in outcome.rows} == {(1, "1")}
    assert os.getpid() not in {row["pid"] for outcome in outcomes for row in outcome.rows}
    assert dict(os.environ) == before


def test_a_measure_that_cannot_travel_is_a_failure_not_a_hang():
    def local():
        return []

    outcomes = list(execute(lambda cell: local, [Cell("a")], LocalProcesses(1)))
    assert "pickle" in outcomes[0][1].error.lower()


def test_workers_that_cannot_start_are_an_error_not_a_hang(monkeypatch):
    def refuse(*arguments, **options):
        raise EOFError

    monkeypatch.setattr(_Inline, "submit", refuse)
    with pytest.raises(WorkersError, match="worker processes cannot be started"):
        list(execute(lambda cell: print, [Cell("a")], ThisProcess()))


def test_in_this_process(toy):
    (found,) = execute(lambda cell: toy.threads, [Cell("threads", {"number": 1})], ThisProcess())
    assert found[1].rows[0]["pid"] == os.getpid()


def test_killed_at_twenty_random_moments(toy, tmp_path, measured, monkeypatch):
    """No finished cell is measured again, and the table is that of an undisturbed run, byte for byte."""
    log, folder = str(tmp_path / "log"), tmp_path / "run"
    context, moments = multiprocessing.get_context("forkserver"), random.Random(0)
    LocalProcesses(2, [toy.measure])  # starts the server from which the sessions below are forked
    monkeypatch.setattr(runs, "code_key", lambda measure: "fixed")  # as in the sessions
    at_kill = []
    for number in range(20):
        workers = 2 if number % 5 == 0 else 0
        before = sum(measured().values())
        session = context.Process(target=toy.session, args=(log, str(folder), workers))
        session.start()
        wanted = before + (moments.randrange(1, 8) if number % 4 else 0)  # some are killed while they come up
        while sum(measured().values()) < wanted and session.is_alive():
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 0.03))
        session.kill()
        session.join()
        assert session.exitcode == -signal.SIGKILL
        at_kill.append((set(stored(folder).values()), measured()))
    run(toy.study(log=log, seeds=60, nap=0.02), "smoke", out=folder, workers=2)
    final = measured()
    assert len(final) == 180
    for finished, counts in at_kill:
        assert {name: final[name] for name in finished} == {name: counts[name] for name in finished}
    assert len({len(finished) for finished, _ in at_kill}) > 10, "too few kills came in the middle of the work"
    assert sum(final.values()) <= 180 + 16 + 4 * 4  # what was under way at each kill
    run(toy.study(seeds=60), "smoke", out=tmp_path / "undisturbed", workers=0)
    assert (folder / "rows.parquet").read_bytes() == (tmp_path / "undisturbed" / "rows.parquet").read_bytes()


def test_workers_do_not_outlive_a_killed_parent(toy, tmp_path):
    LocalProcesses(2, [toy.measure])
    log = tmp_path / "log"
    session = multiprocessing.get_context("forkserver").Process(
        target=toy.session, args=(str(log), str(tmp_path / "run"), 2)
    )
    session.start()
    while not log.exists() or len(log.read_text().splitlines()) < 4:
        assert session.is_alive()
        time.sleep(0.01)
    session.kill()
    session.join()
    workers = {int(line.split(",")[1]) for line in log.read_text().splitlines()}
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(alive(pid) for pid in workers)


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and not yet fetched by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Killer(threading.Thread):
    """Kills the process that wrote the last line of the log, once there are enough lines."""

    def __init__(self, log: Path, after: int) -> None:
        super().__init__(daemon=True)
        self.log, self.after, self.killed = log, after, 0

    def run(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            lines = self.log.read_text().splitlines() if self.log.exists() else []
            if len(lines) >= self.after:
                self.killed = int(lines[-1].split(",")[1])
                os.kill(self.killed, signal.SIGKILL)
                return
            time.sleep(0.005)


def test_a_dask_cluster_that_loses_a_worker(toy, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(toy.__file__).parent), os.environ.get("PYTHONPATH", "")])
    )
    log = tmp_path / "log"
    study = toy.study(log=str(log), nap=0.05, seeds=10)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
    )
    with cluster:
        killer = Killer(log, after=8)
        killer.start()
        done = run(study, "smoke", out=tmp_path / "run", cluster=cluster.scheduler_address)
        killer.join()
    assert killer.killed
    assert done.computed == 30
    undisturbed = run(toy.study(seeds=10), "smoke", out=tmp_path / "other", workers=0)
    pd.testing.assert_frame_equal(done.rows, undisturbed.rows)
    assert all(CellStore(tmp_path / "run" / "cells").read(key) for key in stored(tmp_path / "run"))


class PlayedClient:
    """A cluster whose workers answer as told; the scheduler of real ones is in the test above."""

    answers: dict
    status = "running"

    def __init__(self, address, **options):
        self.closed = False

    def wait_for_workers(self, count, timeout):
        if not self.answers:
            raise TimeoutError

    def run(self, function, places, on_error):
        assert on_error == "return"
        if "silent" in self.answers:
            time.sleep(1)
        return {worker: answer(places) for worker, answer in self.answers.items() if worker != "silent"}

    def get_executor(self, pure):
        return _Inline()

    def close(self, timeout):
        self.closed = True


CLUSTERS = {
    "no workers": ({}, "has no workers: start one with 'dask worker tls://x:1'"),
    "no answer": ({"silent": None}, "the workers of cluster tls://x:1 give no answer"),
    "no netopsy": ({"a": lambda _: ModuleNotFoundError("no netopsy")}, "worker a cannot import netopsy's lab: Module"),
    "no study": ({"a": lambda places: dict.fromkeys(places)}, "worker a does not have the module of netopsy_toy:meas"),
    "another netopsy": (
        {"a": keys_of, "b": lambda places: dict.fromkeys(places, "x")},
        "worker b has other code behind",
    ),
}


@pytest.mark.parametrize(("answers", "says"), CLUSTERS.values(), ids=CLUSTERS)
def test_a_cluster_is_refused_that_cannot_measure_the_same(toy, monkeypatch, tmp_path, answers, says):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", type("Client", (PlayedClient,), {"answers": answers}))
    start = time.monotonic()
    with pytest.raises(InputError, match=says):
        DaskCluster("tls://x:1", toy.study().measures, timeout=0.5)
    assert time.monotonic() - start < 5


def test_a_cluster_with_the_same_code_is_used_and_one_that_went_away_is_told(toy, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(distributed, "Client", type("Client", (PlayedClient,), {"answers": {"a": keys_of}}))
    cluster = DaskCluster("tls://x:1", toy.study().measures)
    with cluster.pool():
        pass
    with pytest.raises(RuntimeError, match="its own"), cluster.pool():
        raise RuntimeError("its own")
    cluster._client.status = "closed"
    gone = "the scheduler of cluster tls://x:1 is gone; what was measured is stored"
    with pytest.raises(WorkersError, match=gone), cluster.pool():
        raise RuntimeError("no connection")


@pytest.mark.parametrize("hangs_up", [False, True])
def test_an_address_without_a_scheduler_is_told(toy, hangs_up):
    pytest.importorskip("distributed")
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:
        if hangs_up:
            threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        with pytest.raises(InputError, match="cluster must be the address of a running dask scheduler"):
            DaskCluster(f"tcp://127.0.0.1:{server.getsockname()[1]}", [toy.measure], timeout=1)
    assert time.monotonic() - start < 10


def test_one_worker_where_there_is_a_gpu_and_one_a_core_elsewhere(monkeypatch):
    import torch

    from netopsy.lab.backends import available_cores, default_workers

    assert default_workers() == available_cores()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_workers() == 1
