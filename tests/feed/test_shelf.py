"""Papers that are kept: once each, with tags in one form, and moved along with a paper."""

from datetime import UTC, date, datetime, timedelta

import pytest

from netopsy import InputError
from netopsy.feed import accounts, shelf
from netopsy.feed.database import writing
from netopsy.feed.records import record
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def ann(feed):
    accounts.make_local(feed.engine, "ann", NOW)
    accounts.make_local(feed.engine, "ann", NOW)
    return feed


def kept(feed, **wanted):
    with feed.engine.connect() as connection:
        return shelf.kept(connection, "ann", NOW, **wanted)


def test_what_is_saved_last_comes_first_and_words_and_tags_narrow_it_down(ann):
    first, second = ann.show("grokking").id, ann.show("norm-grad").id
    with writing(ann.engine) as connection:
        assert shelf.save(connection, "ann", first, NOW)
        assert not shelf.save(connection, "ann", first, NOW)
        assert shelf.save(connection, "ann", second, NOW + timedelta(seconds=1))
        shelf.change(connection, "ann", first, tags=["B", " a  b"], note="x\x1b[31m", read=True, now=NOW)
        shelf.change(connection, "ann", first, tags=["B", "a b"], note="x", read=True, now=NOW + timedelta(1))
    assert [each.entry.id for each in kept(ann)] == [second, first]
    (found,) = kept(ann, tag="A b")
    assert (found.tags, found.note, found.read) == (("a b", "b"), "x", NOW)
    assert kept(ann, tag="a") == []
    assert [each.entry.id for each in kept(ann, words="GROK a")] == [first]
    with writing(ann.engine) as connection:
        assert shelf.remove(connection, "ann", first)
        assert not shelf.remove(connection, "ann", first)
    assert len(kept(ann)) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tags": [str(each) for each in range(21)]}, "at most 20 tags, got 21"),
        ({"tags": ["x" * 41]}, "at most 40 letters"),
        ({"note": "x" * 4001}, "at most 4,000 letters, got 4,001"),
    ],
)
def test_what_is_too_much_is_refused(ann, wrong, said):
    paper = ann.show("grokking").id
    with writing(ann.engine) as connection:
        shelf.save(connection, "ann", paper, NOW)
    given = {"tags": [], "note": "", "read": False} | wrong
    with pytest.raises(InputError, match=said), writing(ann.engine) as connection:
        shelf.change(connection, "ann", paper, **given, now=NOW)
    (found,) = kept(ann)
    assert (found.tags, found.note) == ((), "")


def test_a_full_shelf_says_so(ann, monkeypatch):
    monkeypatch.setattr(shelf, "MOST", 1)
    with writing(ann.engine) as connection:
        shelf.save(connection, "ann", ann.show("grokking").id, NOW)
    with pytest.raises(InputError, match="at most 1 papers"), writing(ann.engine) as connection:
        shelf.save(connection, "ann", ann.show("norm-grad").id, NOW)


def test_a_paper_that_is_found_to_be_one_with_another_stays_on_the_shelf(ann):
    def take(*names):
        ingest(ann.engine, [record("file", title="T", names=list(names), day=date(2026, 11, 27))], now=NOW)

    take("10.1000/y")
    with writing(ann.engine) as connection:
        shelf.save(connection, "ann", "doi:10.1000/y", NOW)
        shelf.change(connection, "ann", "doi:10.1000/y", tags=["t"], note="n", read=False, now=NOW)
    take("2101.00001")
    take("2101.00001", "10.1000/y")
    (found,) = kept(ann)
    assert (found.entry.id, found.tags, found.note) == ("arxiv:2101.00001", ("t",), "n")


def test_of_two_papers_that_are_one_nothing_that_was_written_is_lost(ann):
    first, second = ann.show("grokking").id, ann.show("norm-grad").id
    with writing(ann.engine) as connection:
        for paper, tags, note, read in ((first, ["a", "b"], "one", True), (second, ["b", "c"], "two", False)):
            shelf.save(connection, "ann", paper, NOW)
            shelf.change(connection, "ann", paper, tags=tags, note=note, read=read, now=NOW)
        shelf.move(connection, first, second)
    (found,) = kept(ann)
    assert (found.entry.id, found.tags, found.note, found.read) == (second, ("a", "b", "c"), "two\n\none", NOW)
