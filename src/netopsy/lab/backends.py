"""Where cells are measured: processes on this machine, a dask cluster, or the calling process itself."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Any, ParamSpec, Protocol, TypeVar, runtime_checkable

from netopsy.core.errors import InputError, require
from netopsy.core.texts import plain
from netopsy.lab.errors import WorkersError
from netopsy.lab.worker import THREAD_VARIABLES, prepare

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
        return DaskCluster(cluster)
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


class DaskCluster:
    """The workers of a running dask.distributed scheduler."""

    width = 1_000_000  # the scheduler sees all that waits, and can grow the cluster
    lost: tuple[type[BaseException], ...]

    def __init__(self, address: str, timeout: float = 5.0) -> None:
        wanted = (
            f"cluster must be the address of a running dask scheduler such as 'tcp://127.0.0.1:8786', got {address!r}"
        )
        require(re.fullmatch(r"\w+://.+:\d+/?", address), wanted)
        try:
            from distributed import Client
            from distributed.scheduler import KilledWorker
        except ImportError:
            raise InputError(
                "cluster needs dask.distributed, which is not installed: pip install 'netopsy[cluster]'"
            ) from None
        self.lost = (KilledWorker, CancelledError)
        connect: Any = Client
        try:
            self._client = connect(address, timeout=timeout, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError) as error:
            raise InputError(f"{wanted}: {error or type(error).__name__}") from None

    @contextmanager
    def pool(self) -> Iterator[Executor]:
        executor = self._client.get_executor(pure=False)
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False)
            raise
        executor.shutdown()

    def close(self) -> None:
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
