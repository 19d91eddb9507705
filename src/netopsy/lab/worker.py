"""What happens inside a worker: one cell is measured, and whatever goes wrong comes back as words."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from netopsy.core.contained import contained
from netopsy.lab.cells import Cell, Measure, Row, measured

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""A worker keeps to one thread: two threads each on a few busy cores fight over them, and all lose."""


@dataclass(frozen=True)
class Outcome:
    """The rows of a cell and the seconds it took, or the reason why there are none."""

    rows: list[Row]
    seconds: float
    error: str = ""
    traceback: str = ""


def measure_cell(measure: Measure, cell: Cell) -> Outcome:
    """Measure a cell. An exception is reported, not raised, since not every exception survives the way back."""
    start = time.perf_counter()
    try:
        with contained("the measure"):
            rows = measured(measure, cell)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Outcome([], time.perf_counter() - start, " ".join(reason.split()), traceback.format_exc())
    return Outcome(rows, time.perf_counter() - start)


def keys_of(places: Sequence[str]) -> dict[str, str | None]:
    """The keys of the code that this process would run at these places."""
    from netopsy.lab.version import code_key_of

    return {place: code_key_of(place) for place in places}


def prepare() -> None:
    """Make this process a worker: Ctrl-C is the parent's business, one thread, and no life without the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
