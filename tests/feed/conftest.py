"""A feed of its own for each test that wants one, and one that is made once for those that only read."""

from datetime import UTC, datetime

import pytest

from netopsy.feed import Feed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def feed(tmp_path):
    made = Feed.open(f"sqlite:///{tmp_path}/papers.db", now=NOW)
    yield made
    made.close()


@pytest.fixture(scope="session")
def catalogue_feed(tmp_path_factory):
    made = Feed.open(f"sqlite:///{tmp_path_factory.mktemp('feed')}/papers.db", now=NOW)
    made.follow()
    yield made
    made.close()
