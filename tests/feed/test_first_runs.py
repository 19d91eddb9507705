"""A run that was done says something for its paper, and a dead worker's run is done by another, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from netopsy.feed import schema, votes
from netopsy.feed.database import writing
from netopsy.feed.ranking import stored_trend
from netopsy.web.runs import queue
from netopsy.web.runs.job import Job
from netopsy.web.runs.leases import LEASE, STEP, Watch
from netopsy.web.runs.queue import LOCAL, Asker

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def test_a_run_is_taken_over_once_done_and_counts(feed, tmp_path):
    def trend():
        with feed.engine.connect() as connection:
            return connection.scalar(select(schema.paper.c.trend).where(schema.paper.c.slug == "grokking"))

    asker = Asker("hash", LOCAL, "local")
    number = queue.enqueue(feed.engine, Job("recipe", "grokking"), asker, tmp_path, None, now=NOW)
    assert queue.claim(feed.engine, "one", now=NOW).id == number
    watch, now = Watch(), NOW
    for _ in range(LEASE // STEP + 1):
        lost, now = watch.lost(feed.engine, now=now), now + STEP
    assert queue.claim(feed.engine, "two", lost, now=now).id == number
    assert queue.claim(feed.engine, "three", lost, now=now) is None
    assert not queue.finish(feed.engine, number, "one", "done", "", now=now)
    assert queue.finish(feed.engine, number, "two", "done", "", now=now)
    assert trend() == pytest.approx(stored_trend([now]))
    with writing(feed.engine) as connection:
        votes.cast(connection, "arxiv:2310.06110", "local", now)
    assert trend() == pytest.approx(stored_trend([now, now]))
    with writing(feed.engine) as connection:
        assert votes.count_due(connection, now + timedelta(days=2)) == 0
        assert votes.take_all_back(connection, "local") == 2
    assert trend() is None
