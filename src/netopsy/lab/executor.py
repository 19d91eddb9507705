"""Getting every cell measured although workers may die."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from queue import SimpleQueue

from netopsy.lab.backends import Backend
from netopsy.lab.cells import Cell, Measure
from netopsy.lab.errors import WorkersError
from netopsy.lab.worker import Outcome, measure_cell

DEATHS = 3
"""A cell whose worker died this often is given up."""

Measured = Generator[tuple[Cell, Outcome], None, None]


def execute(measure_of: Callable[[Cell], Measure], cells: Iterable[Cell], backend: Backend) -> Measured:
    """Measure each cell by its measure and yield each with its outcome, in the order in which they finish.

    When a worker dies, all the cells that were under way are handed to fresh workers. Which of them was to blame is not
    known, so a cell that was lost twice is measured alone: only its own doing can give it up.
    """
    waiting, suspects, deaths = deque(cells), deque[Cell](), Counter[Cell]()
    while waiting or suspects:
        lost = yield from _measure_until_broken(measure_of, waiting or deque([suspects.popleft()]), backend)
        deaths.update(lost)
        for cell in lost:
            if deaths[cell] >= DEATHS:
                yield cell, Outcome([], 0.0, error=f"its worker died {DEATHS} times (a crash, or too little memory)")
            elif deaths[cell] == DEATHS - 1:
                suspects.append(cell)
            else:
                waiting.appendleft(cell)


def _measure_until_broken(
    measure_of: Callable[[Cell], Measure], waiting: deque[Cell], backend: Backend
) -> Generator[tuple[Cell, Outcome], None, list[Cell]]:
    """Measure what is waiting until all is done or the pool breaks; returns the cells that were lost."""
    running: dict[Future[Outcome], Cell] = {}
    finished: SimpleQueue[Future[Outcome]] = SimpleQueue()
    lost: list[Cell] = []
    broken = False
    with backend.pool() as pool:
        while running or (waiting and not broken):
            while waiting and not broken and len(running) < backend.width:
                broken = not _submit(pool, measure_of, waiting, running, finished)
            if not running:
                break
            future = finished.get()
            cell = running.pop(future)
            error = CancelledError() if future.cancelled() else future.exception()
            if error is None:
                yield cell, future.result()
            elif isinstance(error, backend.lost):
                lost.append(cell)
                broken = broken or isinstance(error, BrokenExecutor)
            else:
                yield cell, Outcome([], 0.0, error=f"{type(error).__name__}: {error}")
    return lost


def _submit(
    pool: Executor,
    measure_of: Callable[[Cell], Measure],
    waiting: deque[Cell],
    running: dict[Future[Outcome], Cell],
    finished: SimpleQueue[Future[Outcome]],
) -> bool:
    """Hand the next cell to the pool; false if the pool is broken."""
    cell = waiting.popleft()
    try:
        future = pool.submit(measure_cell, measure_of(cell), cell)
    except BrokenExecutor:
        waiting.appendleft(cell)
        return False
    except (EOFError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise WorkersError(f"worker processes cannot be started ({reason}); workers=0 measures without them") from error
    running[future] = cell
    future.add_done_callback(finished.put)
    return True
