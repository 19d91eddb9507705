"""A month of days in four zones whose clocks change in it, to a mail server, with senders that are killed."""

import asyncio
import json
import multiprocessing
import os
import random
import re
import signal
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from readers import join
from sqlalchemy import func, select, update

from netopsy.feed import schema
from netopsy.feed.database import open_database, writing
from netopsy.feed.digest import plan_due
from netopsy.feed.mail.outbox import letters, send_due
from netopsy.feed.mail.smtp import Server, Smtp
from netopsy.feed.records import record
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest

START, DAYS = datetime(2026, 10, 3, tzinfo=UTC), 31
ZONES = ("Australia/Lord_Howe", "Australia/Sydney", "Europe/Berlin", "America/Los_Angeles")
"""Clocks change on October 4, 25 and November 1."""
LATER, FEWER = START + timedelta(days=19), 12
"""On PostgreSQL, where a day takes much longer, it is the end of the month, and senders are killed more often."""
HOUR = 2
"""Which on those days is not there, or there twice."""
SOON, OVER = timedelta(minutes=10), timedelta(minutes=20)
"""Until the next call of the clock; until the lease of a dead sender is over."""
EVERY, OFTEN = 9, 3
"""Of so many times something falls due, once the sender is killed."""
pytestmark = pytest.mark.usefixtures("at_own_speed")
APART = multiprocessing.get_context("fork")


def work(engine, chosen, way, moment):
    plan_due(engine, chosen, None, now=moment)
    send_due(engine, chosen, way, now=moment)


def way_to(sink):
    return Smtp(Server("127.0.0.1", sink.port, "plain"), timeout=5.0)


def killed(sink, draw, *arguments):
    """Work in a process of its own that is killed: before a letter, after it and before the answer, or some time on."""

    def alone():
        url, chosen, moment = arguments
        work(open_database(url), chosen, way_to(sink), moment)
        time.sleep(30)

    child = APART.Process(target=alone)

    async def now(server):
        os.kill(child.pid, signal.SIGKILL)

    async def later(server):
        sink.at_recipient = None
        asyncio.get_running_loop().call_later(0.02 * draw.random(), os.kill, child.pid, signal.SIGKILL)

    place, kill = draw.choice([("at_recipient", now), ("at_end", now), ("at_recipient", later)])
    setattr(sink, place, kill)
    child.start()
    child.join()
    setattr(sink, place, None)


def a_day(engine, start, number):
    """What comes in on one of the days: a paper of it, and one late of three days before; some are hidden at once."""
    today = start.date() + timedelta(number)
    listed = ((0, today), (5, today - timedelta(3)))
    some = [record("file", names=[f"2610.{10 * number + n:05}"], title=f"Of {n}", day=day) for n, day in listed]
    ingest(engine, some, now=start)
    if number % 5 == 0:
        with writing(engine) as connection:
            own = schema.paper.c.id == f"arxiv:2610.{10 * number:05}"
            connection.execute(update(schema.paper).where(own).values(hidden=True))


def test_in_a_month_with_killed_senders_nobody_gets_a_paper_twice_or_misses_one_silently(empty_url, sink, tmp_path):
    engine, draw = open_database(empty_url), random.Random(7)
    chosen = Settings(base_url="https://papers.example.org", secret_file=str(tmp_path / "secret"))
    start, days, every = (START, DAYS, EVERY) if engine.dialect.name == "sqlite" else (LATER, FEWER, OFTEN)
    for number, zone in enumerate(ZONES):
        join(engine, f"daily{number}", now=start, zone=zone, hour=HOUR)
    join(engine, "weekly", now=start, zone=ZONES[2], hour=HOUR, kind="weekly", weekday=6)
    way, arrived, kills = way_to(sink), 0, 0
    moment, end = start, start + timedelta(days=days)
    for step in range(10 * days):
        with engine.connect() as connection:
            moment = max(moment, connection.scalar(select(func.min(schema.subscriber.c.next_due))) + SOON)
        if moment >= end:
            break
        while start + timedelta(days=arrived) <= moment:
            a_day(engine, start, arrived)
            arrived += 1
        if step % every == every - 1:
            way.close()
            engine.dispose()
            killed(sink, draw, empty_url, chosen, moment)
            moment, kills = moment + OVER, kills + 1
        work(engine, chosen, way, moment)
    way.close()
    assert kills >= 10
    check(engine, sink, start, days)
    engine.dispose()


def check(engine, sink, start, days):
    got = {str(message["Message-ID"]): message for message in sink.messages}
    assert len(got) == len(sink.messages)
    letter = schema.delivery.c
    with engine.connect() as connection:
        rows = connection.execute(select(schema.delivery).order_by(letter.planned, letter.id)).all()
    unsure = {each["message_id"] for each in letters(engine, state="uncertain", limit=1000)}
    assert {row.state for row in rows} == {"sent", "uncertain"}
    assert {row.message_id for row in rows} - set(got) <= unsure
    assert set(got) <= {row.message_id for row in rows}
    hidden = {10 * number for number in range(0, days + 1, 5)}
    for reader in {row.subscriber for row in rows}:
        own = [row for row in rows if row.subscriber == reader]
        periods = [row.period for row in own]
        assert len(set(periods)) == len(periods)
        if reader.startswith("daily"):
            first = date.fromisoformat(periods[0])
            assert periods == [str(first + timedelta(each)) for each in range(len(periods))]
            assert len(periods) >= days - 1
        else:
            assert len(periods) in (days // 7, days // 7 + 1)
        planned = Counter(paper for row in own for paper in numbers(json.loads(row.payload)["order"]))
        seen = Counter(paper for row in own if row.message_id in got for paper in shown(got[row.message_id]))
        doubtful = {
            paper for row in own if row.message_id in unsure for paper in numbers(json.loads(row.payload)["order"])
        }
        assert set(planned.values()) == set(seen.values()) == {1}
        assert set(planned) - set(seen) <= doubtful
        assert set(seen) <= set(planned)
        assert not hidden & set(planned)
        begun, ended = ((own[each].planned - start).days for each in (0, -1))
        due = {10 * day + each for day in range(begun + 1, ended) for each in (0, 5)} - hidden
        assert due <= set(planned)


def numbers(keys):
    return [int(each.rpartition(".")[2]) for each in keys]


def shown(message):
    text = message.get_body(("plain",)).get_content()
    return [int(each) for each in re.findall(r"/papers/arxiv:2610\.(\d{5})\s*$", text, re.MULTILINE)]


@pytest.mark.parametrize("zone", ZONES)
def test_the_month_has_a_change_of_clocks_in_every_zone(zone):
    from zoneinfo import ZoneInfo

    offsets = {(START + timedelta(days=each)).astimezone(ZoneInfo(zone)).utcoffset() for each in range(DAYS)}
    assert len(offsets) == 2
