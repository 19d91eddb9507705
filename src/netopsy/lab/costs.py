"""What a call costs, and how that grows: timed in a cell of a study, and drawn on two logarithmic axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from netopsy.core.errors import require


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


def cost_lines(axes: Axes, table: pd.DataFrame, *, x: str, value: str = "value", by: str | None = None) -> None:
    """Milliseconds (column ``value``) against a size (column ``x``), one line for each entry of column ``by``."""
    for name, own in table.groupby(by, sort=False) if by else [(None, table)]:
        line = own.groupby(x)[value].mean()
        axes.plot(line.index, line, marker="o", label=None if name is None else str(name))
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    sizes = np.unique(table[x].to_numpy(dtype=float))
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
    if by:
        axes.legend()
