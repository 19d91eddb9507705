"""What stands in each list, and in which order."""

from datetime import UTC, date, datetime, timedelta

import pytest

from netopsy.core.errors import InputError
from netopsy.feed.records import record
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def full(feed):
    days = {"2611.00001": 27, "2611.00002": 27, "2611.00003": 23, "2611.00004": 28, "2611.00005": 30}
    given = [record("file", names=[name], title=f"Paper {name}", day=date(2026, 11, day)) for name, day in days.items()]
    ingest(feed.engine, given, now=NOW)
    for hours, name, account in ((1, 2, "ann"), (2, 2, "ben"), (200, 3, "ann"), (30, 1, "ann"), (900, 4, "ben")):
        feed.vote(f"2611.0000{name}", account, now=NOW - timedelta(hours=hours))
    return feed


def names(entries):
    return [one.id[-1] for one in entries]


def test_today_is_the_latest_day_that_has_papers(feed, full):
    assert full.today(now=NOW)[0] == date(2026, 11, 28)
    day, found = full.today(now=NOW + timedelta(1))
    assert (day, names(found)) == (date(2026, 11, 28), ["4"])
    day, found = full.today(now=datetime(2025, 6, 1, tzinfo=UTC))
    assert (day, len(found)) == (date(2025, 3, 14), 51)


def test_days_weeks_and_months(full):
    assert names(full.day("2026-11-27", now=NOW)) == ["2", "1"]
    assert names(full.week("2026-W48", now=NOW)) == ["4", "2", "1", "3"]
    assert names(full.month("2026-11", now=NOW)) == ["5", "4", "2", "1", "3"]
    assert full.day("2026-01-01") == []


def test_trending_is_by_what_is_talked_about_now(full):
    found = full.trending(4, now=NOW)
    assert names(found) == ["2", "1", "3", "4"]
    assert found[0].trending == pytest.approx(2 ** (-1 / 24) + 2 ** (-2 / 24))
    assert full.trending(5, now=NOW)[4].id == "arxiv:2611.00005"


def test_top_counts_the_votes_of_this_week_or_month(full):
    assert names(full.top("week", now=NOW)) == ["2", "1"]
    assert names(full.top("month", now=NOW)) == ["2", "1", "3"]


def test_hidden_papers_are_in_no_list(full):
    from sqlalchemy import update

    from netopsy.feed import schema
    from netopsy.feed.database import writing

    with writing(full.engine) as connection:
        connection.execute(update(schema.paper).where(schema.paper.c.id == "arxiv:2611.00002").values(hidden=True))
    assert names(full.day("2026-11-27", now=NOW)) == ["1"]
    assert "arxiv:2611.00002" not in {one.id for one in (*full.trending(99, now=NOW), *full.top("week", now=NOW))}
    with pytest.raises(InputError, match="arxiv:2611.00002 is not in the feed"):
        full.show("2611.00002")


def test_a_list_can_be_named(full):
    for what, title in (
        ("today", "Papers of 2026-11-28"),
        ("trending", "Trending papers"),
        ("top month", "Top papers of this month"),
        ("2026-W48", "Papers of 2026-W48"),
        ("2026-11", "Papers of 2026-11"),
        ("2026-11-27", "Papers of 2026-11-27"),
    ):
        assert full.listed(what, now=NOW)[0] == title
        assert full.listed(what, now=NOW)[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda feed: feed.trending(0), "limit must be a whole number from 1"),
        (lambda feed: feed.top("year"), "unknown period 'year'"),
        (lambda feed: feed.show("1999.00001"), "a paper is named by"),
        (lambda feed: feed.search("  "), "a search needs a few words"),
        (lambda feed: feed.vote("grokking", ""), "account must be a name"),
        (lambda feed: feed.export("today", "xml"), "unknown format 'xml'"),
        (lambda feed: feed.today(now=datetime(2026, 1, 1)), "now must be a datetime with a zone"),
    ],
)
def test_bad_input_is_one_sentence(catalogue_feed, call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call(catalogue_feed)
