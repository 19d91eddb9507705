"""The process of one job: ``python -m netopsy.web.runs.child PARENT [warm]``.

It is told its folder in a line, reads ``job.json`` there, tells its progress in lines of JSON, and leaves its results
in ``result``. A warm one has imported most of what jobs need before it is told anything.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

JOB = "job.json"
PRELOADED = (
    "torch",
    "numba",
    "pandas",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "netopsy.examination.examine",
    "netopsy.lab.runs",
    "netopsy.web.runs.inputs",
    "netopsy.web.runs.results",
)
OFTEN = 0.2
"""Seconds between two lines of progress."""


class Lines:
    """Tells progress in lines: of the outermost task, with what is done inside it as a note."""

    def __init__(self, write: Callable[[dict[str, Any]], None], clock: Callable[[], float]) -> None:
        self._write, self._clock = write, clock
        self._tasks: dict[int, dict[str, Any]] = {}
        self._last, self._number = -OFTEN, 0

    def start(self, description: str, total: int | None) -> int:
        """A task begins."""
        self._number += 1
        whole = None if total is None else int(total)
        self._tasks[self._number] = {"what": description, "done": 0, "total": whole, "note": ""}
        self._tell()
        return self._number

    def advance(self, task: int, steps: int = 1, note: str | None = None) -> None:
        """Steps are done."""
        own = self._tasks[task]
        own["done"] += int(steps)
        own["note"] = own["note"] if note is None else note
        self._tell()

    def finish(self, task: int) -> None:
        """The task is over."""
        self._tasks.pop(task, None)

    def _tell(self) -> None:
        moment = self._clock()
        if moment - self._last < OFTEN:
            return
        self._last = moment
        first, *inner = self._tasks.values()
        self._write(first | {"note": inner[-1]["what"] if inner else first["note"]})


def main(parent: str, *warm: str) -> int:
    """Confine this process, carry out the job that it is handed, and say how it ended."""
    from netopsy.web.runs.isolation import GIGABYTE, Limits, confine, ends_with, without_network

    ends_with(int(parent))
    without_network()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")

    def write(line: dict[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")
        out.flush()

    gigabytes, folder = 0.0, "/"
    try:
        for each in PRELOADED if warm else ():
            importlib.import_module(each)
        line = sys.stdin.readline()
        if not line:  # it is not needed any more
            return 0
        folder, seconds, memory = json.loads(line)
        gigabytes = memory / GIGABYTE
        confine(Limits(seconds, memory), Path(folder))
        _carry_out(Path(folder), Lines(write, time.monotonic))
        write({"ended": "done", "said": ""})
        return 0
    except KeyboardInterrupt:
        with suppress(OSError):
            write({"ended": "cancelled", "said": "It was cancelled."})
        return 130
    except BaseException as error:
        said = _said(error, gigabytes, Path(folder))
        with suppress(OSError, MemoryError):
            write({"ended": "failed", "said": said})
        return 1


def _carry_out(folder: Path, reporter: Lines) -> None:
    from netopsy.core.progress import reporting
    from netopsy.web.runs.job import Job

    with reporting(reporter):
        job = Job.from_text((folder / JOB).read_text("utf-8"))
        from netopsy.web.runs.carry_out import carry_out
        from netopsy.web.runs.results import write_whole

        write_whole(carry_out(job, folder), folder)


def no_room(error: OSError) -> str:
    """That a disk is full, or a file was to be larger than any may be, in a sentence; otherwise nothing."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk of this site is full, so nothing could be written; try it again later."
    return "It wanted to write a larger file than it may." if error.errno == errno.EFBIG else ""


def _said(error: BaseException, gigabytes: float, folder: Path) -> str:
    """Why it failed, in a sentence; what nobody foresaw goes to the log with its trace.

    Where the files of this machine lie is nobody's business.
    """
    from netopsy.core.errors import InputError
    from netopsy.core.texts import plain
    from netopsy.lab.errors import CellsFailedError

    words = str(error).lower()
    if isinstance(error, MemoryError) or "allocate memory" in words or "bad_alloc" in words:
        return f"It needed more than {gigabytes:g} GB of memory."
    if isinstance(error, OSError) and (why := no_room(error)):
        return why
    if isinstance(error, InputError | CellsFailedError):
        text = plain(str(error)).replace(f"{folder}{os.sep}", "").rstrip(".")
        return f"{text[:1].upper()}{text[1:400]}."
    import traceback

    traceback.print_exception(error, file=sys.stderr)
    return f"It broke with {type(error).__name__}, which should not happen."


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
