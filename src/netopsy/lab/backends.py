"""Where cells are measured: processes on this machine, a dask cluster, or the calling process itself."""

from __future__ import annotations

import multiprocessing
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Any, ParamSpec, Protocol, TypeVar, runtime_checkable

from netopsy.core.errors import InputError, require
from netopsy.core.texts import plain
from netopsy.lab.errors import WorkersError
from netopsy.lab.version import code_keys
from netopsy.lab.worker import THREAD_VARIABLES, keys_of, prepare

PATIENCE = 8.0
"""Seconds to wait for an answer of a cluster."""

P = ParamSpec("P")
T = TypeVar("T")


@runtime_checkable
class Backend(Protocol):
    """Somewhere to measure cells."""

    @property
    def width(self) -> int:
        """How many cells to hand out at a time."""

    @property
    def lost(self) -> tuple[type[BaseException], ...]:
        """The errors that say that a worker died with its cell."""

    def pool(self) -> AbstractContextManager[Executor]:
        """A fresh executor; whatever still runs is killed if the block ends by an exception."""

    def close(self) -> None:
        """Let go of what the backend holds."""


def backend(
    workers: int | None = None, cluster: str | None = None, measures: Sequence[Callable[..., Any]] = ()
) -> Backend:
    """The backend asked for: a cluster's scheduler address, or a number of local processes (0: none, measure here)."""
    if cluster is not None:
        require(workers is None, f"workers={workers} and cluster={cluster!r} exclude each other: a cluster has its own")
        return DaskCluster(cluster, measures)
    workers = default_workers() if workers is None else workers
    require(
        isinstance(workers, int) and not isinstance(workers, bool) and workers >= 0,
        f"workers must be a number of processes, 0 or more, got {workers!r}",
    )
    return LocalProcesses(workers, measures) if workers else ThisProcess()


def default_workers() -> int:
    """One process a core; one alone where there is a GPU, which they would only fight over."""
    torch = sys.modules.get("torch")
    return 1 if torch is not None and torch.cuda.is_available() else available_cores()


def available_cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalProcesses:
    """Worker processes with one thread each.

    They are forked from a server process that has imported the study once, and nothing else: no worker inherits the
    threads of the caller, and a worker that replaces a dead one is there at once.
    """

    lost = (BrokenExecutor,)

    def __init__(self, workers: int, measures: Sequence[Callable[..., Any]] = ()) -> None:
        self.workers, self.width = workers, 2 * workers
        self._context: BaseContext
        if "forkserver" in multiprocessing.get_all_start_methods():
            self._context = multiprocessing.get_context("forkserver")
            _start_server({measure.__module__ for measure in measures})
        else:
            self._context = multiprocessing.get_context("spawn")

    @contextmanager
    def pool(self) -> Iterator[Executor]:
        executor = ProcessPoolExecutor(self.workers, mp_context=self._context, initializer=prepare)
        try:
            yield executor
        except BaseException:
            for process in list((getattr(executor, "_processes", None) or {}).values()):
                process.kill()  # measuring is pure, so nothing is lost but time
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        executor.shutdown()

    def close(self) -> None:
        pass


def _start_server(modules: set[str]) -> None:
    """Start the process that workers are forked from, with the module search path and the threads they are to have."""
    study = sorted(modules - {"__main__"})
    forkserver.set_forkserver_preload(["netopsy.lab.server", "netopsy.lab.worker", *study])
    search = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    settings = dict.fromkeys(THREAD_VARIABLES, "1") | {"PYTHONPATH": search, "PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        forkserver.ensure_running()
    except OSError as error:  # such as a folder for temporary files whose name is too long for a socket
        raise WorkersError(
            f"worker processes cannot be started ({error.strerror or error}; their sockets are made in"
            f" {plain(tempfile.gettempdir())[:80]}, see TMPDIR); workers=0 measures without them"
        ) from error
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _listen(address: str, timeout: float | int) -> None:
    """Raise `OSError` where nothing answers at an address: a scheduler speaks first, and dask would wait for it."""
    if not address.startswith("tcp://"):
        return
    host, _, port = address.removeprefix("tcp://").rstrip("/").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout) as line:
        if not line.recv(1):
            raise ConnectionError("what is there is no scheduler")


class DaskCluster:
    """The workers of a running dask.distributed scheduler."""

    width = 1_000_000  # the scheduler sees all that waits, and can grow the cluster
    lost: tuple[type[BaseException], ...]

    def __init__(
        self, address: str, measures: Sequence[Callable[..., Any]] = (), timeout: float | int = PATIENCE
    ) -> None:
        wanted = (
            f"cluster must be the address of a running dask scheduler such as 'tcp://127.0.0.1:8786', got {address!r}"
        )
        require(re.fullmatch(r"\w+://.+:\d+/?", address), wanted)
        try:
            import dask
            from distributed import Client
            from distributed.scheduler import KilledWorker
        except ImportError:
            raise InputError(
                "cluster needs dask.distributed, which is not installed: pip install 'netopsy[cluster]'"
            ) from None
        self.address = address
        self.lost = (KilledWorker, CancelledError)
        connect: Any = Client
        try:
            _listen(address, timeout)
            with dask.config.set({"distributed.comm.timeouts.connect": timeout}):
                self._client = connect(address, timeout=timeout, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{wanted}: {error or type(error).__name__}") from None

        try:
            self._check_workers(address, measures, timeout)
        except BaseException:
            self.close()
            raise

    def _check_workers(self, address: str, measures: Sequence[Callable[..., Any]], timeout: float | int) -> None:
        """There are workers, and the code behind every measure is the same there as here: its key names the results."""
        try:
            self._client.wait_for_workers(1, timeout=timeout)
        except TimeoutError:
            raise InputError(f"cluster {address} has no workers: start one with 'dask worker {address}'") from None
        here = {place: key for place, key in code_keys(measures).items() if not place.startswith("__main__:")}
        asking = ThreadPoolExecutor(1)
        try:
            answers = asking.submit(self._client.run, keys_of, list(here), on_error="return").result(timeout)
        except (TimeoutError, OSError) as error:
            raise InputError(f"the workers of cluster {address} give no answer: {type(error).__name__}") from None
        finally:
            asking.shutdown(wait=False, cancel_futures=True)
        for worker, there in answers.items():
            if isinstance(there, BaseException):
                raise InputError(f"worker {worker} cannot import netopsy's lab: {type(there).__name__}: {there}")
            missing = [place for place in here if there[place] is None]
            require(
                not missing, f"worker {worker} does not have the module of {', '.join(missing)}: see its PYTHONPATH"
            )
            other = [place for place in here if there[place] != here[place]]
            require(
                not other, f"worker {worker} has other code behind {', '.join(other)}: bring it to the same version"
            )

    @contextmanager
    def pool(self) -> Iterator[Executor]:
        executor = self._client.get_executor(pure=False)
        try:
            yield executor
            executor.shutdown()
        except BaseException as error:
            with suppress(Exception):  # of a cluster that is gone nothing can be asked
                executor.shutdown(wait=False)
            if isinstance(error, Exception) and self._client.status != "running":
                raise WorkersError(
                    f"the scheduler of cluster {self.address} is gone; what was measured is stored, and the "
                    "same command goes on from there on another cluster"
                ) from None
            raise

    def close(self) -> None:
        with suppress(Exception):
            self._client.close(timeout=1)


class ThisProcess:
    """No other process: each cell is measured when it is handed in. For debugging, and where one GPU does it all."""

    width = 1
    lost: tuple[type[BaseException], ...] = ()

    @contextmanager
    def pool(self) -> Iterator[Executor]:
        yield _Inline()

    def close(self) -> None:
        pass


class _Inline(Executor):
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
