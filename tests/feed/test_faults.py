"""Killed, doubled, and with the ground gone: taking papers in, ticks at once, and the index of search."""

import json
import multiprocessing
import random
import shutil
import threading
import time
from datetime import UTC, datetime

import pytest
from readers import join
from source_server import oai, server
from sqlalchemy import select

from netopsy.feed import Feed, schema, store
from netopsy.feed.database import open_database
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.records import record
from netopsy.feed.search import index as indexing
from netopsy.feed.search.index import SearchIndex
from netopsy.feed.settings import Settings
from netopsy.feed.sources import arxiv
from netopsy.feed.store import ingest
from netopsy.feed.tick import tick

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
KILLS = 3
"""As many as cost little; 20 of each, of the command itself, came out the same."""
APART = multiprocessing.get_context("fork")


@pytest.fixture
def by_words(monkeypatch):
    """No encoder: what it makes is no matter here, and it takes long."""
    monkeypatch.setattr(indexing, "searches_by_meaning", lambda: False)


def content(url):
    """All that the database holds."""
    engine = open_database(url)
    tables = schema.METADATA.sorted_tables
    with engine.connect() as connection:
        found = {each.name: sorted(map(repr, connection.execute(select(each)))) for each in tables}
    engine.dispose()
    return found


def killed_and_finished(work, url, seconds):
    """Begun three times in a process of its own that is killed at a random moment, and then to the end."""
    draw = random.Random(5)
    for _ in range(KILLS):
        child = APART.Process(target=work, args=(url,))
        child.start()
        time.sleep(draw.uniform(0.1, 0.9) * seconds)
        child.kill()
        child.join()
    work(url)
    return content(url)


def unkilled(work, url):
    start = time.perf_counter()
    work(url)
    return content(url), time.perf_counter() - start


@pytest.fixture
def two(new_feed, tmp_path):
    """Two databases of new feeds."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(new_feed, tmp_path / name / "papers.db")
    return [f"sqlite:///{tmp_path}/{name}/papers.db" for name in ("one", "two")]


def test_an_import_that_is_killed_and_begun_again_ends_as_one_that_was_not(two, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BATCH", 10)
    lines = [
        {"id": f"26{each % 12 + 1:02}.{each:05}v{each % 3 + 1}", "title": f"Of nets {each}"} for each in range(120)
    ]
    (tmp_path / "papers.jsonl").write_text("\n".join(map(json.dumps, lines)))

    def work(url):
        feed = Feed.open(url, now=NOW)
        feed.import_file(tmp_path / "papers.jsonl", day="2026-11-27", now=NOW)
        feed.close()

    wanted, seconds = unkilled(work, two[0])
    assert killed_and_finished(work, two[1], seconds) == wanted
    assert len(wanted["paper"]) == 51 + 120


def test_an_update_that_is_killed_and_begun_again_ends_as_one_that_was_not(two, monkeypatch):
    monkeypatch.setattr(arxiv, "GAP", 0.0)

    def page(path, query, headers):
        number = int(query.get("resumptionToken", 0))
        names = [f"2004.{12 * number + each:05}" for each in range(1, 13)]
        return 200, oai(names, str(number + 1) if number < 9 else ""), {}

    def work(url):
        feed = Feed.open(url, now=NOW)
        assert feed.update("arxiv-archive", day="2020-04-01", now=NOW).trouble is None
        feed.close()

    with server(page) as (address, _):
        monkeypatch.setenv("NETOPSY_ARXIV_ENDPOINT", address)
        wanted, seconds = unkilled(work, two[0])
        found = killed_and_finished(work, two[1], seconds)
    assert found == wanted
    assert len(wanted["paper"]) == 51 + 120


def test_two_ticks_at_once_send_each_digest_once(database_url, tmp_path):
    own = Settings(base_url="https://papers.example.org", secret_file=str(tmp_path / "secret"), database=database_url)
    own.secret()
    first = Feed.open(database_url, now=NOW)
    names = [f"reader{number}" for number in range(10)]
    join(first.engine, *names, now=NOW, due=NOW)
    done = []

    def work():
        feed = Feed.open(database_url, now=NOW)
        done.append(tick(feed, own, Maildir(tmp_path / "mail"), now=NOW))
        feed.close()

    at_once(work)
    assert sum(each.planned for each in done) == len(names)
    assert sum(each.sending.sent for each in done) <= len(names)
    tick(first, own, Maildir(tmp_path / "mail"), now=NOW)
    with first.engine.connect() as connection:
        letters = connection.execute(select(schema.delivery.c.subscriber, schema.delivery.c.state)).all()
    assert sorted(letters) == [(name, "sent") for name in names]
    assert len(list((tmp_path / "mail" / "new").iterdir())) == len(names)
    first.close()


def at_once(work):
    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def zebras(engine, numbers):
    ingest(engine, [record("file", names=[f"2611.{each:05}"], title=f"Zebra {each}") for each in numbers], now=NOW)


def test_two_followers_of_one_index_take_each_paper_in_once(feed, by_words):
    zebras(feed.engine, range(100))
    states = []
    at_once(lambda: states.append(SearchIndex(feed.index.folder).update(feed.engine)))
    assert len({each.seq for each in states}) == 1
    assert {each.papers for each in states} == {151}
    zebras(feed.engine, range(100, 110))
    at_once(lambda: SearchIndex(feed.index.folder).update(feed.engine))
    assert len(feed.search("zebra", 200)) == 110
    assert feed.index.behind(feed.engine) == 0


def test_a_reader_whose_index_is_deleted_or_cut_short_finds_the_same_again(feed, by_words):
    zebras(feed.engine, range(3))
    wanted = [hit.entry.id for hit in feed.search("zebra")]
    assert len(wanted) == 3
    shutil.rmtree(feed.index.folder)
    assert [hit.entry.id for hit in feed.search("zebra")] == wanted
    files = sorted(each for each in feed.index.folder.rglob("*") if each.is_file() and each.name != "lock")
    names = [str(each.relative_to(feed.index.folder)) for each in files]
    assert {"state.json", "vectors.db", "words/meta.json"} <= set(names)
    for name in names:
        place = feed.index.folder / name
        if not place.is_file():  # a part of an index that another took the place of
            continue
        with place.open("r+b") as opened:
            opened.truncate(place.stat().st_size // 2)
        assert [hit.entry.id for hit in feed.search("zebra")] == wanted, name
        assert [hit.entry.id for hit in Feed(feed.engine, feed.index.folder).search("zebra")] == wanted, name
