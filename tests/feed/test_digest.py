"""Digests that are due: days, weeks, zones, outages; a month of them is in mail/test_month.py."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from readers import join
from sqlalchemy import delete, select, update

from netopsy import InputError
from netopsy.feed import schema
from netopsy.feed.calendar import next_digest, zone_named
from netopsy.feed.database import open_database, writing
from netopsy.feed.digest import plan_due
from netopsy.feed.interests import Background
from netopsy.feed.records import record
from netopsy.feed.search.index import SearchIndex
from netopsy.feed.search.vectors import Vectors
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest
from netopsy.feed.taste import Taste
from netopsy.feed.wishes import wishes

HERE = Settings(base_url="https://papers.example.org")
START = datetime(2026, 10, 12, tzinfo=UTC)


@pytest.fixture
def engine(empty_url):
    made = open_database(empty_url)
    yield made
    made.dispose()


def enrol(engine, name, now, zone="UTC", kind="daily", **interests):
    own = {"kind": kind, "zone": zone, "interests": wishes(interests).written()}
    with engine.connect() as connection:
        known = connection.scalar(select(schema.subscriber.c.id).where(schema.subscriber.c.id == name))
    if known is None:
        join(engine, name, now=now, **own)
        return
    due = next_digest(now, zone_named(zone), hour=7, weekday=0 if kind == "weekly" else None)
    with writing(engine) as connection:
        connection.execute(update(schema.subscriber).where(schema.subscriber.c.id == name).values(next_due=due, **own))


def featured(engine, day, numbers, now, authors=("A. Author",), title="Of nets"):
    some = [
        record("file", title=f"{title} {each}", names=[f"2610.{each:05}"], authors=authors, day=day) for each in numbers
    ]
    ingest(engine, some, now=now)


def letters(engine, name):
    letter = schema.delivery
    query = select(letter.c.period, letter.c.payload, letter.c.planned).where(letter.c.subscriber == name)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(letter.c.planned)).all()
    return [(period, json.loads(payload), planned) for period, payload, planned in rows]


def numbers(payload):
    return [int(each.rpartition(".")[2]) for each in payload["order"]]


@pytest.mark.parametrize(("zone", "period"), [("Asia/Tokyo", "2026-11-28"), ("America/Los_Angeles", "2026-11-27")])
def test_the_day_of_a_digest_is_that_of_the_subscriber(engine, zone, period):
    now = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
    featured(engine, date(2026, 11, 27), [1], now)
    enrol(engine, "a", now - timedelta(hours=10), zone)
    assert plan_due(engine, HERE, None, now=now) == 1
    assert [each[0] for each in letters(engine, "a")] == [period]


def test_moving_to_another_zone_never_gives_two_digests_of_one_day(engine):
    now = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
    enrol(engine, "a", now - timedelta(hours=1), "Asia/Tokyo")
    enrol(engine, "b", datetime(2026, 11, 27, 14, tzinfo=UTC), "America/Los_Angeles")
    for hour in range(72):
        moment = datetime(2026, 11, 27, 15, 30, tzinfo=UTC) + timedelta(hours=hour)
        featured(engine, moment.date(), [hour], moment)
        plan_due(engine, HERE, None, now=moment)
        if hour == 2:
            enrol(engine, "b", moment, "Asia/Tokyo")
        if hour == 8:
            enrol(engine, "a", moment, "America/Los_Angeles")
    for name in "ab":
        found = letters(engine, name)
        assert len({period for period, _, _ in found}) == len(found) >= 2
        gaps = [b[2] - a[2] for a, b in pairwise(found)]
        assert min(gaps) >= timedelta(hours=20)


def test_after_an_outage_there_is_one_digest_with_all_that_came_in(engine):
    enrol(engine, "a", START)
    featured(engine, START.date(), [1], START)
    plan_due(engine, HERE, None, now=START + timedelta(hours=8))
    for day in range(1, 8):
        featured(engine, START.date() + timedelta(day), [10 + day], START + timedelta(days=day))
    assert plan_due(engine, HERE, None, now=START + timedelta(days=7, hours=20)) == 0  # joined to the next
    assert plan_due(engine, HERE, None, now=START + timedelta(days=8, hours=8)) == 1
    assert sorted(numbers(letters(engine, "a")[1][1])) == [11, 12, 13, 14, 15, 16, 17]
    assert plan_due(engine, HERE, None, now=START + timedelta(days=8, hours=9)) == 0


def test_two_planners_at_once_plan_nothing_twice(engine):
    featured(engine, START.date(), range(5), START)
    for each in range(12):
        enrol(engine, f"s{each}", START)
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: plan_due(engine, HERE, None, now=START + timedelta(hours=8)), range(4)))
    assert sum(counts) == 12
    assert all(len(letters(engine, f"s{each}")) == 1 for each in range(12))


def test_what_is_left_over_is_counted_and_followed_authors_come_first(engine):
    featured(engine, START.date(), range(50), START)
    featured(engine, START.date(), [90], START, authors=["Grace B. Hopper"])
    featured(engine, START.date(), [91], START, title="Of pruning")
    featured(engine, START.date(), [92], START, title="Of zebras")
    enrol(engine, "a", START, authors=["hopper"], words=["Pruning"], without=["ZEBRAS"])
    enrol(engine, "b", START, kind="weekly")
    assert plan_due(engine, HERE, None, now=START + timedelta(hours=8)) == 2
    (one,), (two,) = letters(engine, "a"), letters(engine, "b")
    assert numbers(one[1])[:2] == [90, 91]
    assert one[1]["why"] == {"arxiv:2610.00090": "you follow hopper", "arxiv:2610.00091": 'it has "Pruning"'}
    assert two[1]["why"] == {}
    assert len(one[1]["order"]) == 20
    assert one[1]["note"].endswith("and 32 more on the page")
    assert (two[0], len(two[1]["order"])) == ("2026-W42", 40)


def test_a_quiet_week_is_said_and_a_quiet_day_is_said_once_a_week(engine):
    enrol(engine, "a", START)
    enrol(engine, "b", START, kind="weekly")
    for day in range(29):
        plan_due(engine, HERE, None, now=START + timedelta(days=day, hours=7, minutes=1))
    for name, count in (("a", 4), ("b", 5)):
        found = letters(engine, name)
        assert len(found) == count
        assert {payload["note"] for _, payload, _ in found} == {"Nothing new has come in since the last letter."}


def test_papers_like_those_that_are_liked_come_first(engine, tmp_path):
    folder = tmp_path / "index"
    folder.mkdir()
    vectors = Vectors(folder / "vectors.db")
    rng = np.random.default_rng(0)
    made = rng.normal(size=(30, 384)).astype(np.float16)
    with vectors._open() as database:
        for each, vector in enumerate(made):
            database.execute("insert into owner values (?, ?)", (f"arxiv:2610.{each:05}", str(each)))
            database.execute("insert into vector values (?, ?, ?, ?)", (str(each), vector.tobytes(), b"", b""))
    featured(engine, START.date(), range(30), START)
    enrol(engine, "a", START, papers=["2610.00007"])
    plan_due(engine, HERE, SearchIndex(folder), now=START + timedelta(hours=8))
    ((_, payload, _),) = letters(engine, "a")
    wide = made.astype(float)
    middle = wide.mean(0)
    spread = np.cov(wide.T, bias=True)
    ridge = 10 * np.trace(spread) / 384
    scores = (wide - middle) @ np.linalg.solve(spread + ridge * np.eye(384), wide[7] - middle)
    assert numbers(payload) == list(np.argsort(-scores)[:20])
    assert numbers(payload)[0] == 7
    assert set(payload["why"].values()) == {"it is like papers that you chose"}
    assert set(payload["why"]) == {f"arxiv:2610.{each:05}" for each in np.argsort(-scores)[:20] if scores[each] > 0}
    assert Taste(None).scores(["a"], ["b"]) == {}


def test_the_score_of_a_paper_is_that_of_the_closed_form():
    background = Background(np.zeros(2), np.linalg.inv(np.diag([4.0, 1.0]) + 25 * np.eye(2)))
    direction = background.directions(np.array([2.0, 1.0]))
    assert direction[0] == pytest.approx([2 / 29, 1 / 26])
    assert background.scores(direction, np.ones((1, 2)))[0, 0] == pytest.approx(0.1074271, abs=1e-7)
    assert Background.of(np.zeros(2), np.diag([4.0, 1.0])).directions(np.array([2.0, 1.0]))[0] == pytest.approx(
        [2 / 29, 1 / 26]
    )


def test_odd_moments_and_limits_are_named(engine):
    with pytest.raises(InputError, match="now must be a datetime with a zone"):
        plan_due(engine, HERE, None, now=datetime(2026, 11, 1))
    with pytest.raises(InputError, match="limit must be at least 1"):
        plan_due(engine, HERE, None, now=START, limit=0)


def test_a_paper_that_is_known_by_another_name_later_is_not_sent_again(engine):
    same = {"title": "Of nets", "authors": ["A. Author"], "day": START.date()}
    ingest(engine, [record("file", names=["10.1000/x"], **same)], now=START)
    enrol(engine, "a", START)
    plan_due(engine, HERE, None, now=START + timedelta(hours=8))
    ingest(engine, [record("file", names=["2610.00001", "10.1000/x"], **same)], now=START + timedelta(hours=9))
    plan_due(engine, HERE, None, now=START + timedelta(days=1, hours=8))
    assert [payload["order"] for _, payload, _ in letters(engine, "a")] == [["doi:10.1000/x"]]


def test_papers_of_a_digest_that_failed_come_in_the_next(engine):
    enrol(engine, "a", START)
    featured(engine, START.date(), [1], START)
    plan_due(engine, HERE, None, now=START + timedelta(hours=8))
    with writing(engine) as connection:
        connection.execute(update(schema.delivery).values(state="failed"))
        connection.execute(delete(schema.delivery_paper))
    plan_due(engine, HERE, None, now=START + timedelta(days=1, hours=8))
    assert [numbers(payload) for _, payload, _ in letters(engine, "a")] == [[1], [1]]
