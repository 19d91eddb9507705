"""In which order papers and comments are shown: formulas that depend on nothing but their arguments."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from netopsy.core.errors import require
from netopsy.feed.calendar import aware

HALF_LIFE = 24.0
"""Hours after which a vote counts half."""
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""From which the stored form of `trending` counts."""
GRAVITY = 1.8
LARGEST = 900.0
"""A power of 2 that a clock set back by years does not exceed."""


def trending(signals: Iterable[datetime], now: datetime) -> float:
    """How much a paper is talked about: each vote counts 1 when it is cast and half a day of 24 hours later.

    >>> now = datetime(2026, 11, 28, tzinfo=UTC)
    >>> trending([now, now.replace(day=27)], now)
    1.5
    """
    return math.fsum(2.0 ** min(LARGEST, -_hours(at, now) / HALF_LIFE) for at in signals)


def stored_trend(signals: Iterable[datetime]) -> float | None:
    """`trending` in a form that time does not change: the base-2 logarithm of what it was, or would be, at `EPOCH`.

    The order of these numbers is that of `trending` at any moment, so a database can sort by an index. ``None`` where
    nothing was signalled.
    """
    found: float | None = None
    for at in signals:
        found = with_signal(found, at)
    return found


def with_signal(stored: float | None, at: datetime) -> float:
    """`stored_trend` after one signal more."""
    new = _hours(EPOCH, at) / HALF_LIFE
    if stored is None:
        return new
    high, low = max(stored, new), min(stored, new)
    return high + math.log2(1.0 + 2.0 ** (low - high))


def trend_at(stored: float | None, now: datetime) -> float:
    """`trending` at ``now``, from its stored form."""
    return 0.0 if stored is None else 2.0 ** min(LARGEST, stored - _hours(EPOCH, now) / HALF_LIFE)


def hot(votes: int, hours: float) -> float:
    """Votes against age, which favours the young: votes / (hours + 2)^1.8.

    Args:
        hours: since the paper's day began; at least 0.

    >>> round(hot(10, 2.0), 6)
    0.824692
    """
    require(votes >= 0 and hours >= 0, f"votes and hours must not be negative, got {votes} and {hours}")
    return votes / float((hours + 2) ** GRAVITY)


def wilson(helpful: int, total: int) -> float:
    """The lower end of Wilson's 95 % interval of a share; 0 where nobody voted.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.

    >>> round(wilson(9, 10), 6), wilson(0, 0)
    (0.59585, 0.0)
    """
    require(0 <= helpful <= total, f"helpful votes must be from 0 to all {total}, got {helpful}")
    if total == 0:
        return 0.0
    z, share = 1.959963984540054, helpful / total
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return max(0.0, (share + z * z / (2 * total) - spread) / (1 + z * z / total))


def _hours(start: datetime, end: datetime) -> float:
    return (aware(end) - aware(start)).total_seconds() / 3600
