"""Days, weeks and months of the page, and the hour at which a digest is due, each in a zone that is named.

Every function that depends on time takes it as an aware ``datetime``; a day is a date in a zone.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from netopsy.core.errors import InputError, require

_WEEK = re.compile(r"(\d{4})-W(\d\d)")
_MONTH = re.compile(r"(\d{4})-(\d\d)")


def clock() -> datetime:
    """What time it is."""
    return datetime.now(UTC)


def zone_named(name: str) -> ZoneInfo:
    """The time zone of that name, such as ``Europe/Berlin``.

    Raises:
        InputError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, TypeError, KeyError):  # as `zoneinfo` says, or fails to, that there is none
        raise InputError(f"zone must be the name of a time zone such as Europe/Berlin, got {name!r}") from None


def aware(now: datetime) -> datetime:
    """``now`` in UTC.

    Raises:
        InputError: it does not say in which zone it is.
    """
    require(
        isinstance(now, datetime) and now.utcoffset() is not None,
        f"now must be a datetime with a zone, such as datetime.now(UTC), got {now!r}",
    )
    return now.astimezone(UTC)


def day_of(now: datetime, zone: ZoneInfo) -> date:
    """The date that it is in ``zone``."""
    return aware(now).astimezone(zone).date()


def day_named(text: str) -> date:
    """A date written as ``2026-11-28``; raises `InputError` for anything else."""
    try:
        require(len(text) == 10, "")
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"a day is written as 2026-11-28, got {text!r}") from None


def day_after(day: date) -> date:
    """The next day; the last day that there is has none after it, and is its own."""
    return min(day, date.max - timedelta(1)) + timedelta(1)


def week_of(day: date) -> str:
    """The ISO week of a day.

    >>> week_of(date(2024, 12, 30)), week_of(date(2021, 1, 3)), week_of(date(2027, 1, 1))
    ('2025-W01', '2020-W53', '2026-W53')
    """
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def week_range(text: str) -> tuple[date, date]:
    """The Monday of an ISO week written as ``2026-W48``, and the Monday after it; `InputError` where there is none."""
    found = _WEEK.fullmatch(text)
    try:
        require(found is not None, "")
        assert found is not None
        start = date.fromisocalendar(int(found[1]), int(found[2]), 1)
        return start, start + timedelta(7)
    except (ValueError, OverflowError):
        raise InputError(f"a week is written as 2026-W48, and must be one of that year, got {text!r}") from None


def month_range(text: str) -> tuple[date, date]:
    """The first of a month written as ``2026-11``, and that of the next; `InputError` where there is none.

    >>> month_range("2026-12")
    (datetime.date(2026, 12, 1), datetime.date(2027, 1, 1))
    """
    found = _MONTH.fullmatch(text)
    try:
        require(found is not None, "")
        assert found is not None
        start = date(int(found[1]), int(found[2]), 1)
        return start, (start + timedelta(31)).replace(day=1)
    except (ValueError, OverflowError):
        raise InputError(f"a month is written as 2026-11, got {text!r}") from None


def instant_of(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """When a clock in ``zone`` shows that hour of that day, in UTC.

    An hour that the change of clocks leaves out comes when it would have come without; one that comes twice is the
    first.
    """
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def next_digest(now: datetime, zone: ZoneInfo, *, hour: int = 7, weekday: int | None = None) -> datetime:
    """The next time, in UTC, at which a digest is due: that hour every day, or of one weekday (Monday is 0).

    Raises:
        InputError: a naive ``now``, an hour or weekday that there is not.
    """
    _check(hour, weekday)
    start = day_of(now, zone)
    days = (start + timedelta(each) for each in range(9))
    due = (instant_of(day, hour, 0, zone) for day in days if weekday is None or day.weekday() == weekday)
    return next(each for each in due if each > aware(now))


def last_digest(now: datetime, zone: ZoneInfo, *, hour: int = 7, weekday: int | None = None) -> date:
    """The day whose digest was the last to fall due."""
    _check(hour, weekday)
    start = day_of(now, zone)
    days = (start - timedelta(each) for each in range(9))
    wanted = (day for day in days if weekday is None or day.weekday() == weekday)
    return next(day for day in wanted if instant_of(day, hour, 0, zone) <= aware(now))


def _check(hour: int, weekday: int | None) -> None:
    require(isinstance(hour, int) and 0 <= hour <= 23, f"hour must be a whole number from 0 to 23, got {hour!r}")
    require(
        weekday is None or (isinstance(weekday, int) and 0 <= weekday <= 6),
        f"weekday must be from 0 (Monday) to 6, got {weekday!r}",
    )
