"""What sources, files, clocks and disks may do that nobody wants: the page stands, and says what is wrong."""

import gzip
import json
import shutil
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import bibtexparser
import pytest
from sqlalchemy import text

from netopsy.core.errors import InputError
from netopsy.feed import Feed, fetching, syndication
from netopsy.feed.database import open_database, writing
from netopsy.feed.identifiers import of_content, parse
from netopsy.feed.lists import Entry
from netopsy.feed.ranking import stored_trend, trend_at, trending
from netopsy.feed.records import record
from netopsy.feed.search.query import parse as typed
from netopsy.feed.sources import arxiv, files
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def paper(key, title="A paper", authors=("Ann Author",)):
    return Entry(key, title, authors, "", (), (), None, 1, None, None, 0, 0.0, 0.0)


def taken(path):
    bad = []
    return list(files.read(path, lambda *told: bad.append(told))), bad


def test_odd_dois(feed):
    assert parse("10.1000/a\x01b") is None
    assert parse("10.1000/" + "a" * 300) is None
    assert parse("２００４.０２８６６") is None
    slashes = parse("https://doi.org/10.1000/http://x")
    assert slashes is not None
    ingest(feed.engine, [record("x", title="Slashes", names=["https://doi.org/10.1000/http://x"])], now=NOW)
    assert feed.show(slashes.key, now=NOW).title == "Slashes"
    odd = parse("10.1000/X?y#z{")
    assert odd is not None
    assert (odd.key, odd.url) == ("doi:10.1000/x?y#z{", "https://doi.org/10.1000/x%3Fy%23z%7B")
    assert parse(odd.url) == odd
    with pytest.raises(InputError, match="is named by its arXiv number") as told:
        feed.show("a" * 100_000)
    assert len(str(told.value)) < 300
    with pytest.raises(InputError, match="is named by its arXiv number"):
        feed.show("\udcff")


def test_titles_without_letters_are_papers_of_their_own():
    assert of_content("???", "Ann") != of_content("!!!", "Ann")
    assert of_content("A  title", "Ann") == of_content("a title", "ann")


def test_more_votes_than_a_database_holds_are_not_believed():
    assert record("huggingface", title="A", upvotes=10**30).upvotes is None


def test_a_clock_that_is_decades_off(feed):
    assert feed.vote("grokking", "ann", now=NOW)
    assert len(feed.trending(5, now=datetime(1970, 1, 1, tzinfo=UTC))) == 5
    early = datetime(1970, 1, 1, tzinfo=UTC)
    assert trending([NOW], early) == trend_at(stored_trend([NOW]), early) > 1


def test_the_first_and_the_last_day_there_are(tmp_path):
    feed = Feed.open(f"sqlite:///{tmp_path}/x.db", zone="Asia/Tokyo", now=NOW)
    ingest(feed.engine, [record("x", title="Old", names=["10.1000/o"], day=date.min)], now=NOW)
    assert [one.title for one in feed.day("0001-01-01", now=NOW)] == ["Old"]
    assert feed.day("9999-12-31", now=NOW) == []
    feed.close()


def test_a_hidden_paper_is_not_found_by_an_index_that_does_not_know(feed):
    feed.follow(encode=0)
    key = feed.show("grokking", now=NOW).id
    with writing(feed.engine) as connection:
        connection.execute(text("update paper set hidden = true where id = :key"), {"key": key})
    assert key not in [hit.entry.id for hit in feed.search("grokking", now=NOW)]


@pytest.mark.parametrize(
    "query", ["day:2026-12-01..2026-01-01", "author:!!!", "x " * 1000, "🙂 שלום", '"" -""', "a\x00b"]
)
def test_anything_may_be_searched_for(catalogue_feed, query):
    assert isinstance(catalogue_feed.search(query, now=NOW), list)


def test_days_the_wrong_way_round_are_words():
    assert typed("day:2026-12-01..2026-01-01").text
    assert typed("day:2026-12-01..2026-01-01").first is None


@pytest.mark.parametrize("lost", ["words", "meaning", "words/meta.json", "vectors.db"])
def test_parts_of_the_index_that_are_lost_or_cut_are_made_anew(feed, lost):
    feed.follow(encode=0)
    place = feed.index.folder / lost
    shutil.rmtree(place) if place.is_dir() else place.write_bytes(b"cut" * 2000)
    ingest(feed.engine, [record("x", title="Zebra networks", names=["10.1000/z"])], now=NOW)
    feed.follow(encode=0)
    again = Feed(feed.engine, feed.index.folder)
    assert again.search("zebra", now=NOW)[0].entry.title == "Zebra networks"
    assert again.index.state().papers == 52


def test_an_index_that_cannot_be_written_is_one_sentence(feed):
    feed.index.folder.write_text("in the way")
    with pytest.raises(InputError, match=r"index of search .* cannot be written"):
        feed.follow()


def test_bibtex_that_is_written_can_be_read():
    entries = [
        paper("doi:10.1000/a{b", "Of { and }", ("Barnes and Noble", "Ann Author")),
        paper("doi:10.1000/a-b"),
        paper("doi:10.1000/a/b"),
    ]
    library = bibtexparser.parse_string(syndication.write("bibtex", entries, syndication.Channel("x"), NOW))
    assert not library.failed_blocks
    assert len({one.key for one in library.entries}) == 3


def test_odd_names_make_feeds_that_are_xml():
    made = syndication.write("atom", [paper("doi:10.1000/&'#")], syndication.Channel("x"), NOW)
    ElementTree.fromstring(made)


def test_latex_in_bibtex(tmp_path):
    (tmp_path / "x.bib").write_text(
        '@string{j = "J"}\n@comment{no}\n@article{a, title = {Schr{\\"o}dinger {N}ets 5\\% of $x_{1}$}, journal = j,'
        ' author = {M{\\"u}ller, J{\\"o}rg and {Barnes and Noble, Inc.} and \\\'{E}. Galois}}\n'
    )
    found, bad = taken(tmp_path / "x.bib")
    assert bad == []
    assert found[0].title == "Schrödinger Nets 5% of $x_{1}$"
    assert found[0].authors == ("Jörg Müller", "Barnes and Noble, Inc.", "É. Galois")


def test_ris_with_odd_tags_and_a_lost_end(tmp_path):
    (tmp_path / "x.ris").write_text("odd\nTY  - JOUR\nTI  - One\nX9  - odd\n\nTY  - JOUR\nTI  - Two\nER  - \n")
    found, _ = taken(tmp_path / "x.ris")
    assert [one.title for one in found] == ["One", "Two"]


def test_files_in_other_encodings(tmp_path):
    content = "@misc{a, title = {Öl}}\n"
    (tmp_path / "x.bib").write_text(content, encoding="utf-16")
    assert taken(tmp_path / "x.bib")[0][0].title == "Öl"
    (tmp_path / "y").write_text(json.dumps([{"title": "A"}]), encoding="utf-8-sig")
    assert taken(tmp_path / "y")[0][0].title == "A"
    (tmp_path / "z.jsonl").write_text("{}\n", encoding="utf-16")
    with pytest.raises(InputError, match="must be in UTF-8"):
        taken(tmp_path / "z.jsonl")


def test_a_file_is_not_a_source_by_its_name(tmp_path):
    (tmp_path / "catalogue").write_text(json.dumps([{"title": "A"}]))
    assert taken(tmp_path / "catalogue")[0][0].rank == 0


def test_a_packed_file_with_a_fault_in_it_is_one_sentence(tmp_path):
    packed = bytearray(gzip.compress(json.dumps([{"title": str(n)} for n in range(500)]).encode()))
    packed[40:60] = b"\xff" * 20
    (tmp_path / "x.json.gz").write_bytes(packed)
    with pytest.raises(InputError, match="cannot be read"):
        taken(tmp_path / "x.json.gz")


def test_a_line_separator_inside_of_a_record_ends_no_line(tmp_path):
    lines = [json.dumps({"title": f"A\u2028{n}"}, ensure_ascii=False) for n in range(2)]
    (tmp_path / "x.json").write_text("\n".join(lines), encoding="utf-8")
    found, bad = taken(tmp_path / "x.json")
    assert (len(found), bad) == (2, [])


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///\x00",
        "postgresql+psycopg://u:geheim@h:port/x",
        "sqlite:////tmp",
        "sqlite+aiosqlite:///x",
        "://",
        "sqlite",
    ],
)
def test_nonsense_for_a_database_is_one_sentence(url):
    with pytest.raises(InputError, match="the feed's database") as told:
        open_database(url)
    assert "geheim" not in str(told.value)


def test_a_home_folder_in_the_address_of_a_database(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    open_database("sqlite:///~/papers.db").dispose()
    assert (tmp_path / "papers.db").is_file()


@pytest.mark.parametrize("value", ["9" * 5000, "Fri, 31 Dec 9999 23:59:59 -1200", "nonsense"])
def test_how_long_a_source_wants_to_be_left_alone(value):
    assert fetching._wait({"retry-after": value}) in (86_400.0, None)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00"])
def test_moments_that_another_zone_does_not_have(moment):
    assert arxiv._day(moment, NOW) == date(2026, 11, 28)
