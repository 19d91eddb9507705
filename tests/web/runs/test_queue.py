"""The queue: fair, each run ended once, nothing computed twice, nothing kept too long."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from netopsy.core.errors import InputError
from netopsy.feed import schema
from netopsy.feed.database import writing
from netopsy.web.runs import queue
from netopsy.web.runs.expiry import expire
from netopsy.web.runs.job import Given, Job
from netopsy.web.runs.leases import LEASE, STEP, Watch
from netopsy.web.runs.queue import Allowance, QuotaError

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MANY = Allowance(9, None, timedelta(days=7))


def _states(line, *numbers):
    return [queue.find(line.engine, each).state for each in numbers]


def _done(line, number):
    results = line.folders / number / "result"
    results.mkdir()
    (results / "result.json").write_text("{}")
    queue.finish(line.engine, number, "one", "done", "", now=line.clock.now)


def test_a_job_comes_back_from_the_database_as_it_was():
    job = Job("recipe", "x", (Given("a"), Given(file="input-1.csv", digest="0" * 64)), {"b": "2"}, seed=3)
    assert Job.from_text(job.to_text()) == job
    assert job.key("one") == Job.from_text(job.to_text()).key("one") != job.key("other")


def test_three_visitors_take_turns_whoever_has_asked_for_most(line):
    for number in range(3):
        for who in ("first", "second", "third"):
            for again in range(3 if who == "first" else 1):
                line.put(line.toy("QUICK", times=10 * number + again + 1), who, MANY)
    order = []
    while (taken := queue.claim(line.engine, "one", now=line.clock.now)) is not None:
        order.append(taken.who)
        line.clock.now += timedelta(seconds=1)
        assert queue.finish(line.engine, taken.id, "one", "done", "", now=line.clock.now)
    assert order[:9] == ["first", "second", "third"] * 3
    assert order[9:] == ["first"] * 6


def test_two_slots_go_to_two_visitors(line):
    for number in range(3):
        line.put(line.toy("QUICK", times=number + 1), "first", MANY)
    line.put(line.toy("QUICK"), "second", MANY)
    taken = [queue.claim(line.engine, owner, now=line.clock.now).who for owner in ("one", "two", "three")]
    assert taken == ["first", "second", "first"]


def test_an_anonymous_visitor_runs_one_at_a_time_and_five_a_day(line):
    numbers = [line.put(line.toy("QUICK", times=each), "somebody", line.ANONYMOUS) for each in range(1, 6)]
    with pytest.raises(QuotaError, match="5 runs a day"):
        line.put(line.toy("QUICK", times=6), "somebody", line.ANONYMOUS)
    assert line.put(line.toy("QUICK", times=3), "somebody", line.ANONYMOUS) == numbers[2]  # what is there costs nothing
    line.put(line.toy("QUICK", times=6), "another", line.ANONYMOUS)
    first = queue.claim(line.engine, "one", now=line.clock.now)
    second = queue.claim(line.engine, "two", now=line.clock.now)
    assert [first.who, second.who] == ["somebody", "another"]
    assert queue.claim(line.engine, "three", now=line.clock.now) is None
    line.clock.now += timedelta(days=1)
    line.put(line.toy("QUICK", times=6), "somebody", line.ANONYMOUS)


def test_the_same_job_of_the_same_visitor_is_there_already(line):
    first = line.put(line.toy("QUICK"))
    assert line.put(line.toy("QUICK")) == first
    assert line.put(line.toy("QUICK"), "another") != first
    assert line.put(line.toy("QUICK", times=2)) != first
    taken = queue.claim(line.engine, "one", now=line.clock.now)
    _done(line, taken.id)
    assert line.put(line.toy("QUICK")) == first
    assert _states(line, first) == ["done"]
    with line.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.run)) == 3


def test_what_was_cancelled_or_failed_is_queued_again_in_its_folder(line):
    number = line.put(line.toy("QUICK"))
    kept = line.folders / number / "study"
    kept.mkdir()
    assert queue.cancel(line.engine, number, now=line.clock.now)
    assert not queue.cancel(line.engine, number, now=line.clock.now)
    assert _states(line, number) == ["cancelled"]
    assert queue.claim(line.engine, "one", now=line.clock.now) is None
    assert line.put(line.toy("QUICK")) == number
    assert queue.claim(line.engine, "one", now=line.clock.now).id == number
    assert kept.is_dir()


def _dead(line, watch, beats=lambda: None, jump=timedelta(0)):
    """Whether a watch that looks for the time of a lease finds somebody dead; the clock jumps in the middle."""
    for second in range(LEASE // STEP + 2):
        lost = watch.lost(line.engine, now=line.clock.now)
        beats()
        line.clock.now += STEP + (jump if second == 9 else timedelta(0))
    return lost


def test_a_run_whose_worker_dies_is_taken_again_once_and_then_given_up(line):
    number, watch = line.put(line.toy("QUICK")), Watch()
    assert queue.claim(line.engine, "one", now=line.clock.now).id == number
    assert not queue.waiting(line.engine)
    assert not _dead(line, watch, lambda: queue.beat(line.engine, number, "one", now=line.clock.now))
    lost = _dead(line, watch)
    assert [(each.run, each.owner) for each in lost] == [(number, "one")]
    assert queue.claim(line.engine, "two", lost, now=line.clock.now).id == number
    assert queue.claim(line.engine, "three", lost, now=line.clock.now) is None  # which came too late
    assert not queue.beat(line.engine, number, "one", now=line.clock.now)
    assert not queue.finish(line.engine, number, "one", "done", "", now=line.clock.now)  # it is not its own any more
    assert queue.claim(line.engine, "three", _dead(line, watch), now=line.clock.now) is None
    found = queue.find(line.engine, number)
    assert (found.state, found.said) == ("failed", queue.DIED)
    assert [each.data["state"] for each in queue.events(line.engine, number)] == [
        *("queued", "running", "queued", "running", "failed"),
    ]


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=400)])
def test_a_clock_that_jumps_neither_doubles_a_run_nor_loses_it(line, jump):
    number = line.put(line.toy("QUICK"))
    queue.claim(line.engine, "one", now=line.clock.now)
    living = Watch()
    assert not _dead(line, living, lambda: queue.beat(line.engine, number, "one", now=line.clock.now), jump)
    assert queue.find(line.engine, number).owner == "one"
    lost = _dead(line, Watch(), jump=-jump)  # it beats no more, and the clock is set right
    assert queue.claim(line.engine, "two", lost, now=line.clock.now).id == number
    assert queue.finish(line.engine, number, "two", "done", "", now=line.clock.now)


def test_a_worker_that_is_heard_of_at_the_last_moment_keeps_its_run(line):
    number = line.put(line.toy("QUICK"))
    queue.claim(line.engine, "one", now=line.clock.now)
    lost = _dead(line, Watch())
    assert lost
    assert queue.beat(line.engine, number, "one", now=line.clock.now)
    assert queue.claim(line.engine, "two", lost, now=line.clock.now) is None
    assert queue.find(line.engine, number).owner == "one"


def test_a_run_that_is_to_be_cancelled_ends_so_whatever_its_worker_says(line):
    number = line.put(line.toy("QUICK"))
    queue.claim(line.engine, "one", now=line.clock.now)
    assert queue.cancel(line.engine, number, now=line.clock.now)
    assert not queue.wanted(line.engine, number, "one")
    assert not queue.beat(line.engine, number, "one", now=line.clock.now)
    assert queue.finish(line.engine, number, "one", "failed", "x", now=line.clock.now)
    assert _states(line, number) == ["cancelled"]
    dying = line.put(line.toy("QUICK", times=2))
    queue.claim(line.engine, "one", now=line.clock.now)
    queue.cancel(line.engine, dying, now=line.clock.now)
    assert queue.claim(line.engine, "two", _dead(line, Watch()), now=line.clock.now) is None
    assert _states(line, dying) == ["cancelled"]


def test_a_worker_that_ends_gives_its_run_back_without_counting_it(line):
    number = line.put(line.toy("QUICK"))
    for _ in range(5):
        assert queue.claim(line.engine, "one", now=line.clock.now).id == number
        queue.release(line.engine, number, "one", now=line.clock.now)
    assert _states(line, number) == ["queued"]


def test_progress_is_told_in_order_and_goes_when_the_run_is_over(line):
    number = line.put(line.toy("QUICK"))
    queue.claim(line.engine, "one", now=line.clock.now)
    for done in range(3):
        queue.progress(line.engine, number, "one", {"done": done}, now=line.clock.now)
    queue.progress(line.engine, number, "another", {"done": 9}, now=line.clock.now)
    assert [(each.seq, each.kind) for each in queue.events(line.engine, number, after=2)] == [
        *((3, "progress"), (4, "progress"), (5, "progress")),
    ]
    queue.finish(line.engine, number, "one", "done", "", now=line.clock.now)
    assert [(each.seq, each.kind) for each in queue.events(line.engine, number)] == [
        *((1, "state"), (2, "state"), (6, "state")),
    ]


def test_what_has_expired_goes_with_its_folder_and_what_belongs_to_nobody_too(line):
    account = Allowance(2, 20, timedelta(days=90))
    first, second = line.put(line.toy("QUICK")), line.put(line.toy("QUICK"), "an account", account)
    left, fresh, other = (line.folders / each for each in ("ab" * 16, "incoming-" + "cd" * 16, "notes"))
    for each in (left, fresh, other):
        each.mkdir()
    for each, hours in ((left, 25), (other, 25), (fresh, 2)):  # the clock may have been set forward in between
        os.utime(each, ((line.clock.now - timedelta(hours=hours)).timestamp(),) * 2)
    assert expire(line.engine, line.folders, now=line.clock.now) == 0
    assert {each.name for each in line.folders.iterdir()} == {first, second, fresh.name, "notes"}
    assert expire(line.engine, line.folders, now=line.clock.now + timedelta(days=8)) == 1
    assert queue.find(line.engine, first) is None
    assert not (line.folders / first).exists()
    assert queue.events(line.engine, first) == []
    assert queue.find(line.engine, second).expires == NOW + timedelta(days=90, seconds=2)


def test_a_folder_of_files_is_taken_over_only_where_they_are_needed(line, tmp_path):
    def incoming(name) -> Path:
        made = line.folders / name
        made.mkdir(parents=True)
        (made / "input-0.png").write_bytes(b"x")
        return made

    job = Job("recipe", "x", (Given(file="input-0.png", digest="1" * 64),))
    number = line.put(job, incoming=incoming("incoming-" + "00" * 16))
    assert (line.folders / number / "input-0.png").read_bytes() == b"x"
    again = incoming("incoming-" + "11" * 16)
    assert line.put(job, incoming=again) == number
    assert again.exists()


def test_a_run_whose_results_were_deleted_is_run_again(line):
    job = Job("recipe", "x", (Given(file="input-0.png", digest="1" * 64),))
    incoming = line.folders / ("incoming-" + "00" * 16)

    def asked():
        incoming.mkdir(parents=True, exist_ok=True)
        (incoming / "input-0.png").write_bytes(b"x")
        return line.put(job, incoming=incoming)

    number = asked()
    _done(line, queue.claim(line.engine, "one", now=line.clock.now).id)
    assert asked() == number
    assert _states(line, number) == ["done"]
    for lost in ("result/result.json", "input-0.png"):
        (line.folders / number / lost).unlink()
    assert asked() == number
    assert _states(line, number) == ["queued"]
    assert (line.folders / number / "input-0.png").read_bytes() == b"x"


def test_results_that_are_asked_for_again_are_kept_as_long_again(line):
    number = line.put(line.toy("QUICK"))
    _done(line, queue.claim(line.engine, "one", now=line.clock.now).id)
    line.clock.now += timedelta(days=6)
    assert line.put(line.toy("QUICK")) == number
    assert queue.find(line.engine, number).expires == line.clock.now + timedelta(days=7)


def test_a_job_that_cannot_be_read_does_not_stand_in_the_way_of_others(line):
    first, second = line.put(line.toy("QUICK")), line.put(line.toy("QUICK", times=2), "another")
    with writing(line.engine) as connection:
        broken = update(schema.run).where(schema.run.c.id == first).values(job='{"kind": "recipe", "later": 1}')
        connection.execute(broken)
    taken = [queue.claim(line.engine, "one", now=line.clock.now) for _ in range(3)]
    assert [each.id for each in taken if each] == [second]
    with pytest.raises(InputError, match="another version"):
        queue.find(line.engine, first)
