"""Sources replayed from a server on this machine, and what happens when they do not answer as they should."""

import gzip
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from source_server import oai, server

from netopsy.feed import fetching
from netopsy.feed.fetching import Fetcher, SourceError, wait_after
from netopsy.feed.identifiers import parse
from netopsy.feed.sources import arxiv
from netopsy.feed.updates import by_number, update

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = date(2026, 11, 27)

ATOM = 'xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"'


def announcement(name, kind="new", title="Of nets"):
    return f"""<entry><id>oai:arXiv.org:{name}</id><title>{title}</title><dc:creator>A. Author, B. Author</dc:creator>
    <summary>arXiv:{name} Announce Type: {kind}
Abstract: It is so.</summary><category term="cs.LG"/><published>2026-11-27T00:00:00-05:00</published>
    <arxiv:announce_type>{kind}</arxiv:announce_type></entry>"""


def rss(*entries):
    return f"<feed {ATOM}><updated>2026-11-27T05:00:30+00:00</updated>{''.join(entries)}</feed>".encode()


def api(*names, total=None):
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/{name}</id><title>Paper {name}</title><summary>Text.</summary>"
        "<author><name>A. B.</name></author><published>2020-04-06T00:00:00Z</published>"
        '<category term="cs.LG"/></entry>'
        for name in names
    )
    count = len(names) if total is None else total
    search = 'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
    return f"<feed {ATOM} {search}><opensearch:totalResults>{count}</opensearch:totalResults>{entries}</feed>".encode()


def daily(*names, **more):
    return json.dumps(
        [{"paper": {"id": name, "title": f"Paper {name}", "summary": "Text.", "upvotes": 5, **more}} for name in names]
    ).encode()


@pytest.fixture
def ask(feed, monkeypatch):
    """Asks a source at an address and tells what came of it, without waiting for real: the clock stands still."""
    waited, bad = [], []
    monkeypatch.setattr(fetching, "clock", lambda: NOW)

    def asked(source, url, now=NOW, **options):
        for name in ("NETOPSY_ARXIV_ENDPOINT", "HF_ENDPOINT"):
            monkeypatch.setenv(name, url)
        fetcher = Fetcher(feed.engine, contact="me@papers.example", sleep=waited.append)
        try:
            return update(
                feed.engine, source, now=now, day=DAY, fetcher=fetcher, bad=lambda *told: bad.append(told), **options
            )
        finally:
            fetcher.close()

    asked.waited, asked.bad = waited, bad
    return asked


def always(body, status=200, **headers):
    return lambda *_: (status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def test_what_arxiv_announces(feed, ask):
    body = rss(
        announcement("2611.00001v1"), announcement("2611.00002v1", "cross"), announcement("2501.00003v2", "replace")
    )

    def answer(path, query, headers):
        if headers.get("If-None-Match") == '"a"':
            return 304, b"", {}
        return 200, body, {"ETag": '"a"', "Last-Modified": "Fri, 27 Nov 2026 05:00:00 GMT"}

    with server(answer) as (url, asked):
        first = ask("arxiv", url, archives=["cs.LG", "cs.CV"])
        again = ask("arxiv", url, archives=["cs.LG", "cs.CV"])
    assert (first.ingested.new, first.trouble) == (2, None)
    assert (again.ingested.new, again.ingested.same, again.trouble) == (0, 0, None)
    assert asked[0][0] == "/atom/cs.LG+cs.CV"
    assert "me@papers.example" in asked[0][2]["User-Agent"]
    assert asked[1][2]["If-None-Match"] == '"a"'
    assert [one.id for one in feed.day("2026-11-27")] == ["arxiv:2611.00001", "arxiv:2611.00002"]
    found = feed.show("2611.00001")
    assert (found.abstract, found.authors, found.categories) == ("It is so.", ("A. Author", "B. Author"), ("cs.LG",))
    assert ask.waited == [arxiv.GAP]


def test_a_quiet_day_is_no_outage(feed, ask):
    with server(always(rss())) as (url, _):
        assert ask("arxiv", url).trouble is None
    assert feed.today(now=NOW)[0] == date(2025, 3, 14)
    assert feed.sources()[0]["last_answer"] == NOW


def test_papers_by_number(feed, monkeypatch):
    fetcher = Fetcher(feed.engine, sleep=lambda _: None)
    with server(always(api("2004.12345v3"))) as (url, asked):
        monkeypatch.setenv("NETOPSY_ARXIV_ENDPOINT", url)
        done = by_number(feed.engine, [parse("2004.12345v1")], now=NOW, fetcher=fetcher, bad=lambda *_: None)
    assert done.new == 1
    assert asked[0][1]["id_list"] == "2004.12345"
    assert feed.show("2004.12345").version == 3
    with server(always(api(total=3))) as (url, _):
        monkeypatch.setenv("NETOPSY_ARXIV_ENDPOINT", url)
        with pytest.raises(SourceError, match="page is empty, and it says that there are papers"):
            by_number(feed.engine, [parse("2004.02866")], now=NOW, fetcher=fetcher, bad=lambda *_: None)
    fetcher.close()


def test_an_archive_goes_on_where_it_was_left(feed, ask):
    def answer(path, query, headers):
        if query.get("resumptionToken") == "two":
            return (200, oai(["2004.00002"]), {}) if answer.whole else (500, b"", {})
        return 200, oai(["2004.00001"], "two"), {}

    answer.whole = False
    with server(answer) as (url, asked):
        first = ask("arxiv-archive", url)
        assert (first.ingested.new, first.trouble) == (1, "it answers 500")
        answer.whole = True
        second = ask("arxiv-archive", url, now=NOW + timedelta(hours=1))
    assert (second.ingested.new, second.trouble) == (1, None)
    assert [query.get("resumptionToken") for _, query, _ in asked] == [None, "two", "two"]
    assert asked[0][1]["from"] == "2026-11-27"
    assert feed.show("2004.00001").version == 2
    assert feed.sources()[0]["cursor"] is None


def test_the_daily_papers_are_paged_and_belong_to_the_day_they_were_asked_for(feed, ask):
    names = [f"2611.{number:05}" for number in range(130)]

    def answer(path, query, headers):
        page, limit = int(query["p"]), int(query["limit"])
        return 200, daily(*names[page * limit : (page + 1) * limit]), {}

    with server(answer) as (url, _):
        found = ask("huggingface", url)
    assert found.ingested.new == 130
    assert len(feed.day("2026-11-27")) == 130
    assert (feed.show("2611.00000").votes, feed.show("2611.00000").sources) == (0, {"huggingface": 5})


FAULTS = {
    "asks to be left alone": (always(b"", 429, Retry_After="120"), "left alone"),
    "down": (always(b"", 500), "it answers 500"),
    "empty": (always(b""), "is not JSON"),
    "a page for people": (always(b"<html>hello</html>"), "is not JSON"),
    "another shape": (always(b'{"error": "no"}'), "not a list"),
    "cut": (always(b"[", 200, Content_Length="100"), "cannot be reached"),
    "packed zeros": (always(gzip.compress(b"0" * (17 << 20)), Content_Encoding="gzip"), "larger than 16 MB"),
    "broken packing": (always(b"nonsense", Content_Encoding="gzip"), "cannot be reached"),
    "leads away": (always(b"", 302, Location="http://evil.example/"), "leads to another host"),
    "leads to a file": (always(b"", 302, Location="file:///etc/passwd"), "leads to another host"),
    "leads in circles": (always(b"", 302, Location="/api/daily_papers"), "leads on more than"),
    "leads nowhere": (always(b"", 302, Location="http://[::1"), "address that is none"),
}


@pytest.mark.parametrize(
    ("database_url", "fault"),
    [*(("sqlite", each) for each in FAULTS), ("postgresql", "asks to be left alone"), ("postgresql", "down")],
    indirect=["database_url"],
)  # what an answer is found to be does not depend on where that is stored
def test_an_outage_leaves_what_is_there_and_says_since_when(feed, ask, fault):
    answer, message = FAULTS[fault]
    with server(always(daily("2611.00001"))) as (url, _):
        ask("huggingface", url)
    with server(answer) as (url, asked):
        found = ask("huggingface", url, now=NOW + timedelta(hours=1))
        assert message in found.trouble
        again = ask("huggingface", url, now=NOW + timedelta(hours=1, seconds=1))
        assert again.again == found.again > NOW + timedelta(hours=1)
    wait = (found.again - NOW - timedelta(hours=1)).total_seconds()
    assert wait == 120 if fault == "asks to be left alone" else 3 <= wait <= 6
    assert len(asked) == (4 if fault == "leads in circles" else 1)
    assert [one.id for one in feed.day("2026-11-27")] == ["arxiv:2611.00001"]
    state = feed.sources()[0]
    assert (state["last_answer"], state["failures"]) == (NOW, 1)
    with server(always(daily("2611.00001", "2611.00002"))) as (url, _):
        assert ask("huggingface", url, now=NOW + timedelta(hours=1, seconds=2), force=True).ingested.new == 1
    assert feed.sources()[0]["trouble"] is None


def test_one_paper_that_cannot_be_taken_does_not_stop_the_others(feed, ask):
    body = json.dumps([{"paper": {"id": "2611.00001"}}, 7, {"paper": {"id": "2611.00002", "title": "Fine"}}]).encode()
    with server(always(body)) as (url, _):
        assert ask("huggingface", url).ingested.new == 1
    assert len(ask.bad) == 2


@pytest.mark.parametrize(
    "body", [b'<!DOCTYPE x [<!ENTITY a "b">]><feed>&a;</feed>', b"<feed", b"\xff\xfe", b"<other/>"]
)
def test_xml_that_is_none_or_would_grow_is_refused(ask, body):
    with server(always(body)) as (url, _):
        assert ask("arxiv", url).trouble


def test_waits_double_up_to_an_hour():
    waits = [wait_after(failures, None, "x") for failures in range(1, 30)]
    assert all(3 * 2**k <= wait <= 6 * 2**k for k, wait in enumerate(waits[:9]))
    assert waits[-1] == 3600
    assert wait_after(1, 7.0, "x") == 7


def test_three_sources_of_arxiv_keep_their_distance_together(feed, ask):
    with server(lambda path, *_: (200, oai(["2004.00001"]) if path == "/oai" else rss(), {})) as (url, _):
        ask("arxiv", url)
        ask("arxiv-archive", url)
        ask("arxiv", url)
    assert ask.waited == [arxiv.GAP, 2 * arxiv.GAP]  # from when the first was asked


TWICE = gzip.compress(gzip.compress(b" " * 1000, mtime=0), mtime=0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (always(b"", 304), "was not asked that"),
        (
            always(gzip.compress(gzip.compress(b" " * 1000, mtime=0), mtime=0), Content_Encoding="gzip, gzip"),
            "is packed as",
        ),
        (always(b"", 302, Location="/a\x01b"), "cannot be reached|leads on"),
    ],
)
def test_odd_answers_are_trouble_that_is_said(ask, answer, message):
    with server(answer) as (url, _):
        assert re.search(message, ask("huggingface", url).trouble)


def test_a_count_that_is_no_number_is_a_fault_of_the_source(feed, monkeypatch):
    with server(always(api(total="many"))) as (url, _):
        monkeypatch.setenv("NETOPSY_ARXIV_ENDPOINT", url)
        fetcher = Fetcher(feed.engine, sleep=lambda _: None)
        with pytest.raises(SourceError, match="its page is empty"):
            by_number(feed.engine, [parse("2101.00001")], now=NOW, fetcher=fetcher, bad=print)
        fetcher.close()


def test_a_place_in_a_long_list_that_is_forgotten_is_begun_anew(feed, ask):
    gone = b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><error code="badResumptionToken"/></OAI-PMH>'
    with server(always(oai(["2101.00001"], token="same"))) as (url, asked):
        assert "same page" in ask("arxiv-archive", url).trouble
        assert len(asked) == 2
    fetching.answered(feed.engine, "arxiv-archive", NOW, cursor="old")
    with server(always(gone)) as (url, asked):
        assert "badResumptionToken" in ask("arxiv-archive", url, force=True).trouble
        assert asked[0][1]["resumptionToken"] == "old"
    assert fetching.state_of(feed.engine, "arxiv-archive")["cursor"] is None
