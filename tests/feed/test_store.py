"""Records of any source, in any order and as often as they come, make one database."""

import dataclasses
import random
import shutil
import sqlite3
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from netopsy.core.errors import InputError
from netopsy.feed import Feed, database, schema
from netopsy.feed.database import open_database, writing
from netopsy.feed.records import record
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TABLES = ("paper", "paper_alias", "paper_version", "featured", "listing", "vote")


def content(engine):
    """All that is stored but the numbers of changes and the times at which versions were seen."""
    left_out = {"seq", "seen"}
    with engine.connect() as connection:
        return {
            name: sorted(
                tuple(sorted((key, str(value)) for key, value in row._mapping.items() if key not in left_out))
                for row in connection.execute(select(schema.METADATA.tables[name]))
            )
            for name in TABLES
        }


def records():
    first = {"title": "A paper", "authors": ["A. Author"], "abstract": "Of old.", "categories": ["cs.LG"]}
    return [
        record("arxiv", names=["2004.02866v1"], day=date(2020, 4, 8), **first),
        record("arxiv", names=["2004.02866v3"], day=date(2020, 6, 1), **first | {"abstract": "Of now."}),
        record("huggingface", names=["2004.02866"], day=date(2020, 4, 9), upvotes=7, **first | {"title": "a paper"}),
        record("mine.bib", names=["10.1000/x"], title="A paper in a journal", authors=["A. Author"]),
        record("arxiv", names=["2004.02866v2", "10.1000/x"], **first | {"categories": ["stat.ML"]}),
        record("mine.bib", title="Without a name", authors=["B. Author"], day=date(2021, 1, 1)),
        record("catalogue", names=["2004.02866"], slug="a-paper", **first | {"abstract": "Ours."}),
    ]


def test_the_order_of_sources_and_how_often_they_are_read_do_not_matter(empty_database, tmp_path):
    found = []
    for seed in range(12):
        engine = open_database(f"sqlite:///{shutil.copy(empty_database, tmp_path / f'{seed}.db')}")
        given = records()
        random.Random(seed).shuffle(given)
        for start in range(0, len(given), 1 + seed % 4):
            ingest(engine, given[start : start + 1 + seed % 4], now=NOW)
        before = content(engine)
        again = ingest(engine, given, now=NOW + timedelta(1))
        assert (again.new, again.changed) == (0, 0)
        assert content(engine) == before
        found.append(before)
    assert all(each == found[0] for each in found)
    (papers, aliases, versions, days, listings, _) = found[0].values()
    assert len(papers) == 2
    names = [dict(each)["alias"] for each in aliases]
    assert names[:2] == ["arxiv:2004.02866", "doi:10.1000/x"]
    assert len(names) == 3
    assert sorted(dict(each)["n"] for each in versions if "arxiv" in dict(each)["paper"]) == ["1", "2", "3"]
    assert [dict(each)["day"] for each in days if "arxiv" in dict(each)["paper"]] == ["2020-04-08"]
    own = next(dict(each) for each in papers if "arxiv" in dict(each)["id"])
    assert (own["abstract"], own["version"], own["slug"], own["categories"]) == (
        "Ours.",
        "3",
        "a-paper",
        "cs.LG\nstat.ML",
    )
    assert {dict(each)["source"]: dict(each)["upvotes"] for each in listings}["huggingface"] == "7"


def test_votes_follow_a_paper_that_is_found_to_be_one_with_another(feed):
    ingest(
        feed.engine,
        [record("a", names=["10.1000/y"], title="One"), record("a", names=["2101.00001"], title="Two")],
        now=NOW,
    )
    assert feed.vote("10.1000/y", "ann", now=NOW)
    assert feed.vote("2101.00001", "ann", now=NOW - timedelta(1))
    assert feed.vote("10.1000/y", "ben", now=NOW)
    assert not feed.vote("10.1000/y", "ben", now=NOW)
    ingest(feed.engine, [record("arxiv", names=["2101.00001", "10.1000/y"], title="Both")], now=NOW)
    both = feed.show("10.1000/y", now=NOW)
    assert (both.id, both.votes, both.title) == ("arxiv:2101.00001", 2, "Both")
    assert both.trending == pytest.approx(1.5)
    assert feed.take_back("2101.00001", "ben")
    assert not feed.take_back("2101.00001", "ben")
    assert feed.show("2101.00001", now=NOW).trending == pytest.approx(0.5)


def test_steps_lead_to_the_tables_that_are_described(feed):
    with feed.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []


def test_moments_are_stored_in_utc_with_their_offset(feed):
    at = datetime.fromisoformat("2026-11-28T01:30:00+02:00")
    feed.vote("grokking", "ann", now=at)
    with feed.engine.connect() as connection:
        stored = connection.scalar(text("select at from vote"))
        assert stored == ("2026-11-27T23:30:00.000000+00:00" if feed.engine.dialect.name == "sqlite" else at)
        assert connection.scalar(select(schema.vote.c.at)) == datetime(2026, 11, 27, 23, 30, tzinfo=UTC)


def test_what_was_taken_in_before_an_interrupt_stays_whole(feed):
    def broken():
        for number in range(2500):
            yield record("file", names=[f"2101.{number:05}"], title=f"Paper {number}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(feed.engine, broken(), now=NOW)
    with feed.engine.connect() as connection:
        counts = [connection.scalar(text(f"select count(*) from {name}")) for name in ("paper", "paper_version")]
    assert counts == [51 + 2000] * 2


def test_two_writers_wait_for_each_other(feed, database_url):
    other = Feed.open(database_url, now=NOW)
    given = [
        [record("file", names=[f"21{part:02}.{n:05}"], title=f"{part} {n}") for n in range(300)] for part in (1, 2)
    ]
    both = [
        threading.Thread(target=ingest, args=(engine, some), kwargs={"now": NOW})
        for engine, some in ((feed.engine, given[0]), (other.engine, given[1]))
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    with feed.engine.connect() as connection:
        numbers = list(connection.scalars(select(schema.paper.c.seq)))
    assert len(numbers) == len(set(numbers)) == 651
    other.close()


def test_a_writer_that_waits_too_long_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY", 10)
    place = f"sqlite:///{tmp_path}/papers.db"
    Feed.open(place, now=NOW).close()
    raw = sqlite3.connect(tmp_path / "papers.db", isolation_level=None)
    raw.execute("begin immediate")
    open_database(place).dispose()  # whose tables are as they should be, so that nothing is written
    raw.execute("update alembic_version set version_num = '0001'")
    raw.execute("commit")
    raw.execute("begin immediate")
    with pytest.raises(InputError, match="cannot be opened: database is locked"):
        open_database(place)
    raw.execute("rollback")


def test_migrations_stand_in_one_line_by_their_numbers():
    """An up-to-date database is known by the highest number, without asking alembic."""
    folder = database.MIGRATIONS / "versions"
    numbers = sorted(each.name[:4] for each in folder.glob("[0-9]*.py"))
    texts = [next(folder.glob(f"{number}_*.py")).read_text() for number in numbers]
    for number, before, text_ in zip(numbers, ["None", *(f'"{each}"' for each in numbers)], texts, strict=False):
        assert f'revision = "{number}"' in text_
        assert f"down_revision = {before}" in text_


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://x/y", "must be given as sqlite"),
        ("nonsense", "must be given as sqlite"),
        ("sqlite:////proc/nothing/here.db", "cannot be made"),
    ],
)
def test_a_database_that_cannot_be_is_one_sentence(url, message):
    with pytest.raises(InputError, match=message):
        open_database(url)


def test_what_is_no_database_or_a_later_one_is_said(tmp_path):
    (tmp_path / "x.db").write_text("no database at all, but some text that is long enough" * 30)
    with pytest.raises(InputError, match="cannot be opened: file is not a database"):
        open_database(f"sqlite:///{tmp_path}/x.db")
    engine = open_database(f"sqlite:///{tmp_path}/y.db", zone="Europe/Berlin")
    with writing(engine) as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(InputError, match="made by a later version of netopsy"):
        open_database(f"sqlite:///{tmp_path}/y.db")


def test_a_feed_keeps_the_zone_it_was_made_with(tmp_path):
    Feed.open(f"sqlite:///{tmp_path}/z.db", zone="Europe/Berlin", now=NOW).close()
    again = Feed.open(f"sqlite:///{tmp_path}/z.db", zone="Asia/Tokyo", now=NOW)
    assert again.zone == "Europe/Berlin"
    again.close()


def test_records_are_cleaned_and_cut():
    made = record("x", title="A\x1b[31m  title‮\nof two lines", names=["2101.00001"], abstract="a" * 90_000)
    assert made.title == "A[31m title of two lines"
    assert len(made.abstract) == 50_000
    assert dataclasses.replace(made, source="arxiv").rank > made.rank
    with pytest.raises(InputError, match="it has no title"):
        record("x", title="\x00\x01")
    with pytest.raises(InputError, match="its title must be text, got int"):
        record("x", title=3)
