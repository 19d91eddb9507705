"""Papers that readers bring: read for a name alone, shown once something is known of them, on the site's today."""

import socket
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select

from netopsy import InputError
from netopsy.feed import Feed, moderation, schema, submissions
from netopsy.feed.database import writing
from netopsy.feed.fetching import Answer, Fetcher, SourceError
from netopsy.feed.records import record
from netopsy.feed.store import ingest
from netopsy.feed.updates import update

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NEW = "arxiv:2611.00001"

ELSEWHERE = (
    "http://127.0.0.1/abs/2611.00001",
    "http://localhost:8051/papers/2611.00001",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/abs/2611.00001",
    "http://0x7f000001/abs/2611.00001",
    "http://2130706433/abs/2611.00001",
    "http://arxiv.org@127.0.0.1/abs/2611.00001",
    "http://127.0.0.1#@arxiv.org/abs/2611.00001",
    "http://arxiv.org.evil.example/abs/2611.00001",
    "http://evil.example/arxiv.org/abs/2611.00001",
    "http://evil.example/?u=https://arxiv.org/abs/2611.00001",
    "file:///etc/passwd",
    "gopher://127.0.0.1:25/_HELO",
    "ftp://arxiv.org/abs/2611.00001",
    "dict://127.0.0.1:11211/",
    "https://arxiv.org/abs/../../2611.00001",
    "https://arxiv.org/abs/http://127.0.0.1/",
    "https://doi.org/http://127.0.0.1/",
    "//127.0.0.1/abs/2611.00001",
    "javascript:fetch('http://127.0.0.1')",
    "2611.00001\r\nHost: 127.0.0.1",
    "http://[::ffff:127.0.0.1]/",
)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def known(feed, *names, **options):
    ingest(feed.engine, [record("file", title=f"On {name}", names=[name], **options) for name in names], now=NOW)


@pytest.mark.parametrize("text", ELSEWHERE)
def test_an_address_of_elsewhere_names_no_paper_and_is_not_fetched(catalogue_feed, no_network, text):
    with pytest.raises(InputError, match="a paper is named by"):
        catalogue_feed.submit(text, "ada", now=NOW)
    with catalogue_feed.engine.connect() as connection:
        assert submissions.waiting(connection) == []


@pytest.mark.parametrize(
    "text",
    [
        "2611.00001v2",
        " arXiv:2611.00001",
        "https://arxiv.org/pdf/2611.00001v1.pdf",
        "http://127.0.0.1\\@arxiv.org/abs/2611.00001",
    ],
)
def test_a_paper_that_is_not_known_waits_and_nothing_is_fetched(feed, no_network, text):
    found = feed.submit(text, "ada", note="  of\nzebras\x00", now=NOW)
    assert (found.paper, found.outcome) == (NEW, "waiting")
    with feed.engine.connect() as connection:
        (waits,) = submissions.waiting(connection)
    assert (waits.title, waits.note, waits.at) == ("arXiv:2611.00001", "of zebras", NOW)
    with pytest.raises(InputError, match="not in the feed"):
        feed.show(NEW, now=NOW)
    assert len(feed.trending(500, now=NOW)) == 51


def test_what_waits_is_shown_on_the_day_it_was_brought_once_a_source_tells_of_it(feed):
    feed.submit(NEW, "ada", now=NOW)
    feed.submit(NEW, "bob", now=NOW + timedelta(hours=1))
    assert feed.submit(NEW, "bob", now=NOW).outcome == "waiting"
    later = NOW + timedelta(days=2)
    ingest(feed.engine, [record("arxiv", title="Of zebras", names=["2611.00001v3"])], now=later)
    with writing(feed.engine) as connection:
        assert submissions.admit(connection) == 1
        assert submissions.admit(connection) == 0
    shown = feed.show(NEW, now=later)
    assert (shown.title, shown.day, shown.votes, shown.sources) == (
        *("Of zebras", date(2026, 11, 28), 1),
        {"arxiv": None, "readers": None},
    )
    assert shown.trending == pytest.approx(2 ** (-47 / 24))  # bob's, as of when he brought it; not ada's
    assert [one.id for one in feed.day("2026-11-28", now=later)] == [NEW]


def test_a_known_paper_of_no_list_is_shown_today_in_the_sites_zone_and_a_listed_one_is_voted_for(tmp_path):
    feed = Feed.open(f"sqlite:///{tmp_path}/tokyo.db", zone="Asia/Tokyo", now=NOW)
    known(feed, "2611.00002")
    evening = datetime(2026, 11, 28, 16, tzinfo=UTC)
    found = feed.submit("10.48550/arxiv.2611.00002", "ada", now=evening)
    assert (found.outcome, feed.show("2611.00002", now=evening).day) == ("shown", date(2026, 11, 29))
    assert feed.submit("2611.00002", "ada", now=evening).outcome == "known"
    assert feed.submit("2611.00002", "bob", now=evening).outcome == "vote"
    assert feed.submit("2611.00002", "bob", now=evening).outcome == "known"
    assert feed.submit("2310.06110", "ada", now=evening).outcome == "vote"
    assert feed.show("2310.06110", now=evening).votes == 1
    feed.vote("2611.00002", "ada", now=evening)
    shown = feed.show("2611.00002", now=evening)
    assert (shown.votes, shown.trending) == (2, pytest.approx(1.0))  # whoever brought it counts nothing
    feed.take_back("2611.00002", "bob")
    assert feed.show("2611.00002", now=evening).trending == 0
    feed.follow(encode=0)
    assert feed.search("day:2026-11-29", now=evening)[0].entry.id == "arxiv:2611.00002"
    feed.close()


@pytest.mark.parametrize("there", [True, False])
def test_of_two_that_bring_a_paper_at_once_one_brings_it_and_one_votes(feed, there):
    if there:
        known(feed, "2611.00001")
    barrier, found = threading.Barrier(6), []

    def bring(account):
        barrier.wait()
        found.append(feed.submit("2611.00001", account, now=NOW).outcome)

    threads = [threading.Thread(target=bring, args=(f"account{n}",)) for n in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == (["shown", *["vote"] * 5] if there else ["waiting"] * 6)
    with feed.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.submission)) == 1
    if not there:
        known(feed, "2611.00001")
        with writing(feed.engine) as connection:
            submissions.admit(connection)
    assert feed.show("2611.00001", now=NOW).votes == 5


def test_a_paper_brought_under_two_names_is_one(feed):
    known(feed, "10.1000/x")
    feed.submit("10.1000/x", "ada", now=NOW)
    feed.submit(NEW, "bob", now=NOW + timedelta(seconds=1))
    ingest(feed.engine, [record("arxiv", title="T", names=["2611.00001", "10.1000/x"])], now=NOW)
    with writing(feed.engine) as connection:
        submissions.admit(connection)
        table = schema.submission.c
        rows = connection.execute(select(table.paper, table.account, table.state)).all()
    assert rows == [(NEW, "ada", "shown")]
    assert feed.show(NEW, now=NOW).votes == 1  # bob's


def test_there_are_limits(feed, monkeypatch):
    monkeypatch.setattr(submissions, "A_DAY", 2)
    for number in (1, 2):
        feed.submit(f"2611.0000{number}", "ada", now=NOW)
    with pytest.raises(InputError, match="2 papers a day are the most"):
        feed.submit("2611.00003", "ada", now=NOW)
    assert feed.submit("2611.00003", "ada", now=NOW + timedelta(days=1)).outcome == "waiting"
    with pytest.raises(InputError, match="only papers of arXiv can be fetched, got doi:10.1000/y"):
        feed.submit("10.1000/y", "bob", now=NOW)
    with pytest.raises(InputError, match="a note may have 300 characters"):
        feed.submit("2611.00004", "bob", note="x" * 301, now=NOW)
    with pytest.raises(InputError, match="account must be"):
        feed.submit("2611.00004", "", now=NOW)


def test_what_a_moderator_hid_is_not_brought_again(feed):
    feed.submit(NEW, "ada", now=NOW)
    assert moderation.hide(feed.engine, NEW, by="mod", reason="spam", now=NOW)
    with pytest.raises(InputError, match="is not shown here"):
        feed.submit(NEW, "bob", now=NOW)
    with feed.engine.connect() as connection:
        assert submissions.waiting(connection) == []
    assert moderation.unhide(feed.engine, NEW, by="mod", now=NOW)
    assert feed.submit(NEW, "bob", now=NOW).outcome == "waiting"


def atom(*numbers):
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/{n}v1</id><title>Paper {n}</title><summary>S</summary></entry>"
        for n in numbers
    )
    space = 'xmlns="http://www.w3.org/2005/Atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/"'
    counted = f"<o:totalResults>{len(numbers)}</o:totalResults><updated>2026-11-28T00:00:00Z</updated>"
    return f"<feed {space}>{counted}{entries}</feed>"


class Answers(Fetcher):
    """In the place of what fetches: what arXiv is asked, and what it says."""

    def __init__(self, feed, text):
        self.feed, self.text, self.asked = feed, text, []

    def get(self, endpoint, now, *, path="", parameters=None, known=None):
        self.asked.append((path, parameters))
        if isinstance(self.text, Exception):
            raise self.text
        text = self.text if path == "/api/query" else atom()
        return Answer(text.encode(), {})


def ask(feed, text, now=NOW):
    fetcher = Answers(feed, text)
    found = update(feed.engine, "arxiv", now=now, day=now.date(), fetcher=fetcher, bad=lambda *_: None, force=True)
    return fetcher.asked, found


def test_the_next_update_asks_arxiv_for_what_waits_in_one_question(feed):
    assert ask(feed, atom())[0] == [("/atom/cs.LG+cs.CV+stat.ML", None)]
    for number in range(1, 6):
        feed.submit(f"2611.0000{number}", f"account{number % 2}", now=NOW)
    asked, found = ask(feed, atom("2611.00001", "2611.00002"))
    numbers = "2611.00001,2611.00002,2611.00003,2611.00004,2611.00005"
    assert asked[1:] == [("/api/query", {"id_list": numbers, "max_results": 100})]
    assert found.ingested.new == 2
    assert {one.id for one in feed.day("2026-11-28", now=NOW)} == {"arxiv:2611.00001", "arxiv:2611.00002"}
    asked, found = ask(feed, SourceError("it hangs"))
    assert found.trouble == "it hangs"
    ask(feed, atom(), now=NOW + timedelta(days=8))
    with feed.engine.connect() as connection:
        assert submissions.waiting(connection) == []  # a week of answers without them


def test_what_a_file_tells_of_is_waited_for_no_longer(feed, tmp_path):
    feed.submit(NEW, "ada", now=NOW)
    (tmp_path / "x.jsonl").write_text('{"title": "Of zebras", "id": "2611.00001"}\n')
    feed.import_file(tmp_path / "x.jsonl", now=NOW + timedelta(days=3))
    assert [one.title for one in feed.day("2026-11-28", now=NOW)] == ["Of zebras"]
    known(feed, "2611.00002")
    feed.submit("2611.00003", "ada", now=NOW)
    known(feed, "2611.00003")
    assert feed.submit("2611.00003", "ada", now=NOW + timedelta(days=1)).outcome == "known"
    assert feed.show("2611.00003", now=NOW).day == date(2026, 11, 28)
