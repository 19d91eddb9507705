"""What a call costs, and how that grows: timed in a cell of a study, drawn by `netopsy.lab.plots.growth`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from netopsy.core.errors import require

T = TypeVar("T")


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    """How long one call took, and what it returned."""
    start = perf_counter()
    found = work()
    return perf_counter() - start, found


def milliseconds(call: Callable[[], Any], *, rounds: int = 5) -> float:
    """The fastest of ``rounds`` calls, after one that warms up.

    The fastest and not the mean: whatever else the machine does can only make a call slower.
    """
    require(rounds > 0, f"rounds must be at least 1, got {rounds}")
    call()
    times = []
    for _ in range(rounds):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return 1e3 * min(times)


def milliseconds_in_turns(calls: Mapping[str, Callable[[], Any]], *, rounds: int = 5) -> dict[str, float]:
    """The fastest of ``rounds`` of each call, after one that warms up: for times that are compared with each other.

    All take turns in every round, so that what slows the machine down for a while slows down all of them.
    """
    require(rounds > 0, f"rounds must be at least 1, got {rounds}")
    for call in calls.values():
        call()
    fastest = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            start = perf_counter()
            call()
            fastest[name] = min(fastest[name], 1e3 * (perf_counter() - start))
    return fastest


def most_megabytes() -> float | None:
    """The most this process has held; unknown on Windows."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts for `getrusage` what the process that started this one held at that moment.
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if peak is not None:
            return int(peak.split()[1]) * 1.024 / 1e3
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def growth(
    make: Callable[[int], Mapping[str, Callable[[], Any]]], sizes: Sequence[int], *, name: str = "size", rounds: int = 5
) -> Iterator[dict[str, Any]]:
    """One row a size and method: milliseconds of the calls that ``make(size)`` gives by the method's name.

    Columns are ``name`` (the size), ``method`` and ``value``; at each size the methods take turns.

    >>> [row["n"] for row in growth(lambda n: {"sort": lambda: sorted(range(n))}, (10, 20), name="n", rounds=1)]
    [10, 20]
    """
    for size in sizes:
        for method, value in milliseconds_in_turns(make(size), rounds=rounds).items():
            yield {name: size, "method": method, "value": value}


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of a cost against a size on two logarithmic axes: 1 for linear growth, 2 for quadratic.

    >>> round(exponent([1.0, 2.0, 4.0], [3.0, 12.0, 48.0]), 6)
    2.0
    """
    import numpy as np

    require(len(sizes) == len(values) >= 2, f"exponent needs at least two sizes, got {len(sizes)} and {len(values)}")
    return float(np.polyfit(np.log(np.asarray(sizes, float)), np.log(np.asarray(values, float)), 1)[0])
