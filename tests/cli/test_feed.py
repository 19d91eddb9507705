"""`netopsy feed`: lists, search, files in and out, and what is refused."""

import json

import feedparser
import pytest

from netopsy.cli import main

pytestmark = pytest.mark.usefixtures("own_feed")


def out(capsys, *arguments):
    assert main(["feed", *arguments]) == 0
    return capsys.readouterr().out


def test_lists_are_the_papers_of_the_catalogue_where_nothing_is_newer(capsys):
    today = json.loads(out(capsys, "today", "--json"))
    assert len(today) == 51
    for command in (("day", "2025-03-14"), ("week", "2025-W11"), ("month", "2025-03"), ("trending", "--limit", "51")):
        assert json.loads(out(capsys, *command, "--json")) == today
    assert out(capsys, "top", "week") == ""
    assert len(out(capsys, "today").splitlines()) == 51


def test_search_show_and_export(capsys, tmp_path):
    found = json.loads(out(capsys, "search", "grokking", "--json", "--limit", "2"))
    assert found[0]["slug"] == "grokking"
    assert {hit["id"] for hit in json.loads(out(capsys, "search", "edges", "--room", "graphs", "--json"))}
    assert "In the catalogue: `netopsy show grokking`" in out(capsys, "show", "2310.06110")
    assert not feedparser.parse(out(capsys, "export", "today", "--format", "rss")).bozo
    assert (
        out(capsys, "export", "grokking", "--format", "atom", "--out", str(tmp_path / "x.atom"), "--limit", "3") == ""
    )
    assert len(feedparser.parse((tmp_path / "x.atom").read_text()).entries) == 3
    assert "database" in out(capsys, "check")


def test_a_file_comes_in_and_what_cannot_be_taken_is_named(capsys, tmp_path):
    (tmp_path / "x.jsonl").write_text('{"title": "Of zebras", "id": "2611.00001"}\n{"title": 3}\n')
    assert main(["feed", "import", "x.jsonl", "--day", "2026-11-01"]) == 0
    told = capsys.readouterr().err
    assert "line 2: its title must be text, got int" in told
    assert "1 new, 0 changed" in told
    assert "1 record was left out" in told
    assert json.loads(out(capsys, "day", "2026-11-01", "--json"))[0]["title"] == "Of zebras"
    assert "52 papers" in capsys.readouterr().err or main(["feed", "rebuild-index", "--limit", "0"]) == 0


def test_feeds_of_a_list_that_are_on_this_machine_are_not_asked_and_their_addresses_not_repeated(capsys, tmp_path):
    feeds = "".join(f'<outline title="{name}" xmlUrl="{url}"/>' for name, url in (
        ("plain", "http://127.0.0.1:9/?token=x"), ("private", "https://localhost:9/?token=x"),
    ))  # fmt: skip
    (tmp_path / "feeds.opml").write_text(f"<opml version='2.0'><body>{feeds}</body></opml>")
    assert main(["feed", "import", "feeds.opml"]) == 0
    told = capsys.readouterr().err
    assert "feed 1 (plain): it leads to http, and must be asked by https" in told
    assert "feed 2 (private): its host localhost is on a private network" in told
    assert "2 records were left out" in told
    assert "token" not in told


def test_a_source_that_does_not_answer_is_one_sentence_and_ends_with_1(capsys, monkeypatch):
    monkeypatch.setenv("NETOPSY_ARXIV_ENDPOINT", "http://127.0.0.1:9")
    assert main(["feed", "update"]) == 1
    assert "arxiv: it cannot be reached" in capsys.readouterr().err
    assert main(["feed", "submit", "2611.00001"]) == 1
    assert main(["feed", "today"]) == 0
    assert "it last answered never" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["day", "2026-1-1"], "a day is written as 2026-11-28"),
        (["week", "2025-W53"], "must be one of that year"),
        (["top", "year"], "unknown period 'year'"),
        (["show", "nothing"], "a paper is named by its arXiv number or DOI"),
        (["show", "2611.99999"], "arxiv:2611.99999 is not in the feed"),
        (["search", " "], "a search needs a few words"),
        (["search", "x", "--limit", "0"], "limit must be a whole number from 1"),
        (["export", "today", "--format", "xml"], "unknown format 'xml'"),
        (["export", "today", "--out", "."], "--out must be a file"),
        (["import", "nowhere.json"], "there is no file of papers 'nowhere.json'"),
        (["update", "--source", "nobody"], "unknown source 'nobody'"),
        (["update", "--archive", "../x"], "an archive is written as cs.LG"),
        (["submit", "10.1000/x"], "only papers of arXiv can be fetched"),
        (["rebuild-index", "--limit", "-1"], "--limit must be at least 0"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, message):
    assert main(["feed", *arguments]) == 2
    assert message in capsys.readouterr().err
