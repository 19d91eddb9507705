"""A clock that does not count what other programs take."""

from __future__ import annotations

import time
from pathlib import Path

SCHEDULED = Path("/proc/thread-self/schedstat")
"""Where Linux says of a thread, in nanoseconds, how long it ran and how long it waited for a processor."""


def unhindered() -> float:
    """Seconds of a clock that stands still while this thread is ready to run and others have the processors.

    Where the system does not say how long that was, it is an ordinary clock.

    >>> start = unhindered()
    >>> unhindered() >= start
    True
    """
    return time.perf_counter() - _waited()


def _waited() -> float:
    try:
        return int(SCHEDULED.read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
