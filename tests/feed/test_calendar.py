"""Days, weeks, months and the hour of a digest, where clocks change and years begin."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from netopsy.core.errors import InputError
from netopsy.feed import calendar

BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2024, 12, 30), "2025-W01"),
        (date(2021, 1, 3), "2020-W53"),
        (date(2026, 12, 31), "2026-W53"),
        (date(2027, 1, 1), "2026-W53"),
    ],
)
def test_weeks_are_those_of_iso_8601(day, week):
    assert calendar.week_of(day) == week
    start, end = calendar.week_range(week)
    assert start <= day < end
    assert (end - start).days == 7


def test_november_ends_at_midnight_in_the_zone_of_the_site():
    assert calendar.month_range("2026-11") == (date(2026, 11, 1), date(2026, 12, 1))
    late = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
    assert calendar.day_of(late, BERLIN) == date(2026, 12, 1)
    assert calendar.day_of(late, ZoneInfo("UTC")) == date(2026, 11, 30)


@pytest.mark.parametrize(
    ("day", "hour", "minute", "zone", "utc"),
    [
        (date(2027, 3, 28), 2, 30, BERLIN, "2027-03-28T01:30"),
        (date(2026, 10, 25), 2, 30, BERLIN, "2026-10-25T00:30"),
        (date(2026, 10, 4), 2, 15, LORD_HOWE, "2026-10-03T15:45"),
    ],
)
def test_an_hour_that_is_left_out_or_comes_twice_comes_once(day, hour, minute, zone, utc):
    assert calendar.instant_of(day, hour, minute, zone).isoformat()[:16] == utc


def test_whose_digest_is_due_depends_on_the_zone():
    now = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
    assert calendar.last_digest(now, ZoneInfo("Asia/Tokyo")) == date(2026, 11, 28)
    assert calendar.last_digest(now, ZoneInfo("America/Los_Angeles")) == date(2026, 11, 27)
    assert calendar.next_digest(now, ZoneInfo("Asia/Tokyo")) == datetime(2026, 11, 28, 22, tzinfo=UTC)
    monday = calendar.next_digest(now, BERLIN, weekday=0)
    assert monday == datetime(2026, 11, 30, 6, tzinfo=UTC)
    assert calendar.last_digest(monday, BERLIN, weekday=0) == date(2026, 11, 30)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calendar.day_of(datetime(2026, 1, 1), BERLIN), "now must be a datetime with a zone"),
        (lambda: calendar.day_named("2026-6-30"), "a day is written as 2026-11-28"),
        (lambda: calendar.day_named("20261128"), "a day is written as 2026-11-28"),
        (lambda: calendar.week_range("2025-W53"), "must be one of that year"),
        (lambda: calendar.week_range("0000-W01"), "must be one of that year"),
        (lambda: calendar.month_range("2026-13"), "a month is written as 2026-11"),
        (lambda: calendar.month_range("9999-12"), "a month is written as 2026-11"),
        (lambda: calendar.zone_named("Mars/Olympus"), "zone must be the name of a time zone"),
        (lambda: calendar.zone_named("../etc/passwd"), "zone must be the name of a time zone"),
        (lambda: calendar.next_digest(datetime(2026, 1, 1, tzinfo=UTC), BERLIN, hour=24), "hour must be"),
        (lambda: calendar.next_digest(datetime(2026, 1, 1, tzinfo=UTC), BERLIN, weekday=7), "weekday must be"),
    ],
)
def test_what_is_no_day_is_one_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()
