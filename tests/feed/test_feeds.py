"""Feeds of others that a list of subscriptions names: papers out of them, and what is none."""

import gzip
from datetime import UTC, date, datetime, timedelta

import httpx2
import pytest

from netopsy import InputError
from netopsy.feed import reaching
from netopsy.feed.fetching import Fetcher
from netopsy.feed.sources import feeds
from netopsy.feed.updates import from_feeds

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OPML = """<?xml version="1.0"?><opml version="2.0"><body>
<outline text="Room"><outline text="Atom" type="rss" xmlUrl="https://one.example/atom?all=1"/></outline>
<outline title="RSS" xmlUrl=" https://two.example/rss "/><outline text="again" xmlUrl="https://two.example/rss"/>
<outline text="odd" xmlUrl="https://[::1"/><outline text="no feed" htmlUrl="https://three.example"/>
<outline text="page" xmlUrl="https://four.example/"/></body></opml>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>F</title>
<entry><id>tag:one.example,2026:1</id><title type="html">Of &lt;i&gt;nets&lt;/i&gt; &amp;amp; graphs</title>
<link href="https://arxiv.org/abs/2611.00001v2"/><author><name>Ann Author</name><email>ann@example.org</email></author>
<published>2026-11-27T10:00:00Z</published><summary type="html">&lt;p&gt;It is so.&lt;/p&gt;</summary></entry>
<entry><id>x</id><published>2026-11-27T10:00:00Z</published></entry></feed>"""
RSS = """<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>F</title>
<item><title>Of zebras</title><link>https://doi.org/10.1000/Zebra</link><author>b@example.org (Ben Böhm)</author>
<pubDate>Fri, 27 Nov 2099 10:00:00 GMT</pubDate><description>Stripes.</description></item>
<item><title>Of okapis</title><guid>oai:arXiv.org:2611.00002v1</guid><dc:creator>A. B, C. D</dc:creator>
<description>arXiv:2611.00002v1 Announce Type: new
Abstract: Forests.</description></item>
<item><title>Of nothing named</title></item></channel></rss>"""


@pytest.fixture
def asked(feed, monkeypatch):
    """Takes in the feeds of a list; each host answers what is in ``pages``, and 304 to who knows its mark."""
    monkeypatch.setattr(reaching.socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("93.184.215.14", 443))])
    pages = {"one.example": ATOM, "two.example": RSS, "four.example": "<html><body>hello</body></html>"}
    told, seen = [], []

    def answer(request):
        seen.append(request)
        page = pages[request.headers["host"]]
        if request.headers.get("if-none-match") == '"a"':
            return httpx2.Response(304)
        return httpx2.Response(page if isinstance(page, int) else 200, text=str(page), headers={"ETag": '"a"'})

    def ask(path, now=NOW, day=None):
        told.clear()
        seen.clear()
        fetcher = Fetcher(feed.engine, sleep=lambda _: None, transport=httpx2.MockTransport(answer))
        found = feeds.listed(path, lambda *one: told.append(one))
        return from_feeds(feed.engine, found, now=now, fetcher=fetcher, bad=lambda *one: told.append(one), day=day)

    ask.pages, ask.told, ask.seen = pages, told, seen
    return ask


@pytest.mark.parametrize("name", ["x.opml", "x.opml.gz", "x.xml"])
def test_a_list_of_feeds_brings_the_papers_in_them(feed, asked, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(OPML.encode()) if name.endswith("gz") else OPML.encode())
    assert asked(path).new == 4
    assert asked.told == [
        ("feed 4 (odd)", "its address is none"),
        ("feed 1 (Atom), entry 2", "it has no title"),
        ("feed 5 (page)", "the answer is no feed"),
    ]
    assert [each.url.query for each in asked.seen] == [b"all=1", b"", b""]
    nets, okapis, zebras = (feed.show(each) for each in ("2611.00001", "2611.00002", "10.1000/zebra"))
    assert (nets.title, nets.abstract, nets.version) == ("Of nets & graphs", "It is so.", 2)
    assert (nets.authors, zebras.authors, okapis.authors) == (("Ann Author",), ("Ben Böhm",), ("A. B", "C. D"))
    assert (nets.day, zebras.day, okapis.day) == (date(2026, 11, 27), NOW.date(), None)
    assert okapis.abstract == "Forests."
    assert nets.sources == {"feed one.example": None}
    assert not any("#" in each["source"] for each in feed.sources())


def test_feeds_are_asked_again_only_for_what_is_newer_and_not_before_they_want_it(feed, asked, tmp_path):
    path = tmp_path / "x.opml"
    path.write_text(OPML)
    asked.pages["four.example"] = 503
    asked(path)
    assert ("feed 5 (page)", "it asks to be left alone (503)") in asked.told
    again = asked(path, now=NOW + timedelta(seconds=1))
    assert (again.new, again.changed, again.same) == (0, 0, 0)
    assert [each.headers.get("if-none-match") for each in asked.seen] == ['"a"', '"a"']
    assert any("not before 2026-11-28 12:00 UTC again" in why for _, why in asked.told)
    listed = asked(path, day=date(2026, 11, 1))
    assert (listed.changed, len(feed.day("2026-11-01"))) == (4, 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<opml", "x.opml is not OPML"),
        ("<rss/>", "x.opml is not OPML: it begins with rss"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><opml>&a;</opml>', "x.opml is not OPML"),
        ("<opml>" + '<outline xmlUrl="https://x.example/"/>' * 2 + "</opml>", None),
        ("<opml>" + "".join(f'<outline xmlUrl="https://x{n}.example/"/>' for n in range(501)) + "</opml>", "at most"),
    ],
)
def test_a_list_that_is_none_is_one_sentence(tmp_path, content, message):
    (tmp_path / "x.opml").write_text(content)
    if message is None:
        assert len(feeds.listed(tmp_path / "x.opml", print)) == 1
        return
    with pytest.raises(InputError, match=message):
        feeds.listed(tmp_path / "x.opml", print)
