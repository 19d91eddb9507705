"""Lists for other programs are valid, whatever stands in a title."""

import csv
import io
import json
from datetime import UTC, date, datetime

import bibtexparser
import feedparser
import pytest
import rispy

from netopsy.feed.lists import Entry
from netopsy.feed.sources import files
from netopsy.feed.syndication import FORMATS, Channel, write

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ODD = Entry(
    id="doi:10.1000/x_y",
    title="A <b>& </title> \x0b {50 %} of \ud800 _things_ ☃ \\",
    authors=("Ann & Ben", "C. D."),
    abstract="=cmd|x ]]> end",
    keywords=(),
    categories=("cs.LG", "<script>"),
    published=date(2026, 11, 20),
    version=1,
    slug=None,
    day=date(2026, 11, 27),
    votes=3,
    trending=1.0,
    hot=0.5,
)
CHANNEL = Channel("Papers & more", "https://papers.example/", "https://papers.example/feeds/today")


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_feeds_are_read_without_a_complaint(kind, catalogue_feed):
    for entries in ([ODD], catalogue_feed.today(now=NOW)[1], []):
        found = feedparser.parse(write(kind, entries, CHANNEL, NOW))
        assert not found.bozo, found.get("bozo_exception")
        assert found.feed.title == "Papers & more"
        assert len(found.entries) == len(entries)
    found = feedparser.parse(write(kind, [ODD], CHANNEL, NOW)).entries[0]
    assert "50 %" in found.title
    assert found.link == "https://doi.org/10.1000/x_y"
    assert found.published_parsed[:3] == (2026, 11, 27)


def test_json_feed_has_what_the_format_asks_for():
    found = json.loads(write("json-feed", [ODD], CHANNEL, NOW))
    assert found["version"] == "https://jsonfeed.org/version/1.1"
    assert found["items"][0]["date_published"] == "2026-11-27T00:00:00+00:00"
    assert {"id", "content_text"} <= set(found["items"][0])


def test_a_table_holds_no_formula():
    rows = list(csv.DictReader(io.StringIO(write("csv", [ODD], CHANNEL, NOW))))
    assert rows[0]["abstract"] == "'=cmd|x ]]> end"


def test_references_come_back_as_they_went(catalogue_feed, tmp_path):
    entries = catalogue_feed.today(now=NOW)[1]
    for kind, name in (("bibtex", "x.bib"), ("ris", "x.ris")):
        (tmp_path / name).write_text(write(kind, entries, CHANNEL, NOW))
        bad = []
        found = list(files.read(tmp_path / name, lambda *told, bad=bad: bad.append(told)))
        assert not bad
        assert [one.title for one in found] == [one.title for one in entries]
        assert [one.authors for one in found] == [one.authors for one in entries]
    library = bibtexparser.parse_string(write("bibtex", [ODD], CHANNEL, NOW))
    assert not library.failed_blocks
    assert rispy.loads(write("ris", [ODD], CHANNEL, NOW))[0]["doi"] == "10.1000/x_y"


def test_every_format_takes_an_empty_list():
    assert set(FORMATS) == {"rss", "atom", "json-feed", "json", "csv", "bibtex", "ris"}
    for kind in FORMATS:
        assert isinstance(write(kind, [], CHANNEL, NOW), str)
