"""Search finds the right papers, filters what it is told to, follows the database, and survives a broken index."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import faiss
import numpy as np
import pytest

from netopsy.catalogue.search import encoder
from netopsy.feed.records import record
from netopsy.feed.search import building
from netopsy.feed.search import index as indexing
from netopsy.feed.search.keys import Keys, number_of
from netopsy.feed.search.meaning import Meaning
from netopsy.feed.search.query import Query, parse
from netopsy.feed.search.vectors import WIDTH, Vectors
from netopsy.feed.store import ingest

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
QUERIES = tomllib.loads((Path(__file__).parents[1] / "catalogue" / "queries.toml").read_text())["queries"]


class These:
    """Papers as filters let them through."""

    def __init__(self, ids):
        self.ids, self.count = ids, len(ids)

    def numbers(self):
        return self.among(self.ids)

    def among(self, ids):
        return np.array([number_of(key) for key in set(self.ids).intersection(ids)], np.int64)


def slugs(hits):
    return [hit.entry.slug for hit in hits]


def test_of_sixty_questions_fifty_four_find_a_right_paper_among_the_first_three(catalogue_feed):
    places = []
    for question, right in QUERIES.items():
        found = slugs(catalogue_feed.search(question, 51))
        places.append(min((found.index(slug) + 1 for slug in right if slug in found), default=10_000))
    assert len(places) == 60
    assert sum(place <= 3 for place in places) >= 54
    assert np.mean([1 / place for place in places]) >= 0.80


def test_similar_papers_are_the_nearest_by_what_was_read_of_them(catalogue_feed, feed):
    meaning = catalogue_feed.index._opened_meaning()
    whole = np.stack([meaning.index.reconstruct(row) for row in range(51)])
    for own in range(0, 51, 10):
        key, order = meaning.ids[own], np.argsort(-(whole @ whole[own]), kind="stable")
        expected = [meaning.ids[row] for row in order if row != own]
        assert [one.id for one in catalogue_feed.similar(key, 4)] == expected[:4]
    assert feed.similar(meaning.ids[0]) == []  # nothing was read yet
    assert catalogue_feed.similar("arxiv:0000.00000") == []


def test_nearness_is_what_numpy_works_out(catalogue_feed):
    meaning = catalogue_feed.index._opened_meaning()
    vector = np.ascontiguousarray(encoder()(["pruning"])[0])
    whole = np.stack([meaning.index.reconstruct(row) for row in range(51)]) @ vector
    expected = [meaning.ids[row] for row in np.argsort(-whole, kind="stable")]
    assert meaning.nearest(vector, 51, None) == expected
    assert meaning.nearest(vector, 51, These([*expected[::7], "arxiv:0000.00000"])) == expected[::7]
    assert isinstance(meaning.index, faiss.Index)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Made-up vectors of 3,000 papers in lists, and the vectors themselves as they are kept."""
    folder, random = tmp_path_factory.mktemp("many"), np.random.default_rng(3)
    kept = Vectors(folder / "vectors.db")
    made = random.standard_normal((3000, 12)) @ random.standard_normal((12, WIDTH))
    whole = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float16)
    ids = [f"arxiv:2611.{each:05}" for each in range(len(whole))]
    with kept._open() as database:
        rows = [(key, vector.tobytes(), b"\0\0\x80?", bytes(WIDTH)) for key, vector in zip(ids, whole, strict=True)]
        database.executemany("insert into vector values (?, ?, ?, ?)", rows)
        database.executemany("insert into owner values (?, ?)", [(key, key) for key in ids])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "FLAT", 1000)
        assert building.build(kept, folder / "1") == 3000
        assert building.build(kept, folder / "2", folder / "1") == 3000
    return folder, whole.astype(np.float32)


@pytest.mark.parametrize("generation", ["1", "2"])
@pytest.mark.parametrize("share", [1, 10, 100])
def test_of_many_papers_the_nearest_are_found_with_and_without_filters(many, monkeypatch, generation, share):
    folder, whole = many
    meaning, right = Meaning(folder / generation), 0
    monkeypatch.setattr("netopsy.feed.search.meaning.EXACT", 100)  # so that a tenth goes by lists
    assert meaning.lists.nlist == 219
    allowed = np.arange(3000)[::share]
    these = These([meaning.ids[row] for row in allowed])
    for vector in np.ascontiguousarray(whole[::150]):
        expected = {meaning.ids[allowed[row]] for row in np.argsort(-(whole[allowed] @ vector))[:10]}
        found = meaning.nearest(vector, 200, these if share > 1 else None)
        assert found[0] == meaning.ids[int(np.argmax(whole @ vector))] or share > 1
        right += len(expected & set(found[:10]))
    assert right / 200 >= 0.95


@pytest.mark.parametrize("where", ["anywhere", "far away"])
@pytest.mark.parametrize("listed", [True, False])
def test_of_many_allowed_ones_the_nearest_are_found_without_a_list_of_them(many, monkeypatch, where, listed):
    folder, whole = many
    meaning, vector = Meaning(folder / "2"), np.ascontiguousarray(whole[40])
    monkeypatch.setattr("netopsy.feed.search.meaning.EXACT", 100)
    if not listed:
        meaning.lists = None
    order = np.argsort(-(whole @ vector), kind="stable")
    allowed = np.sort(order[::5] if where == "anywhere" else order[-600:])
    these, asked = These([meaning.ids[row] for row in allowed]), []
    monkeypatch.setattr(these, "numbers", lambda: asked.append(1) or These.numbers(these))
    expected = [meaning.ids[row] for row in order if row in set(allowed.tolist())][:20]
    found = meaning.nearest(vector, 20, these)
    assert len(found) == 20
    assert bool(asked) == (where == "far away")
    if listed and not asked:
        assert len(set(found[:10]) & set(expected[:10])) >= 9
    else:
        assert found == expected


def test_what_filters_let_through_is_counted_listed_and_known_among_others(catalogue_feed):
    words, ids = catalogue_feed.index._opened_words(), catalogue_feed.index._opened_meaning().ids
    keys = [ids[row] for row in range(len(ids))]
    for typed, least in (("room:graphs", 3), ("day:2018-01-01..2026-12-31", 3), ("room:garage", 0), ("-networks", 1)):
        every = words.allowed(parse(f"any {typed}"))
        passing = words.passing(parse(f"any {typed}"))
        assert passing.count == len(every) >= least
        assert sorted(passing.numbers().tolist()) == sorted(map(number_of, every))
        among = passing.among([*keys[::2], "arxiv:0000.00000"]).tolist()
        assert sorted(among) == sorted(map(number_of, set(keys[::2]).intersection(every)))
        assert passing.among([]).size == 0


def test_rows_are_found_by_name_and_by_number(many):
    keys = Keys(many[0] / "1")
    assert (len(keys), keys[7], keys.row("arxiv:2611.00007"), keys.row("arxiv:2611.99999")) == (
        3000,
        "arxiv:2611.00007",
        7,
        None,
    )
    assert list(keys.rows(np.array([number_of(keys[5]), 1, number_of(keys[3])]))) == [5, 3]


def test_scores_are_nearness_and_a_fifth_of_the_words():
    assert indexing.fused((0.4 + 0.6) / 2, 8 / 10) == pytest.approx(0.66)
    assert indexing.fused(0.5, 0.0) == 0.5


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("grokking", "grokking"),
        ("Sparse networks https://arxiv.org/abs/1803.03635", None),
        ("https://arxiv.org/abs/1803.03635", "lottery-ticket"),
        ("1803.03635v5", "lottery-ticket"),
        ("Poincaré ResNet", "poincare-resnet"),
    ],
)
def test_what_is_named_outright_comes_first(catalogue_feed, typed, first):
    found = slugs(catalogue_feed.search(typed))
    assert found
    assert first in (None, found[0])


def test_filters(catalogue_feed):
    graphs = {
        "dagnn",
        "graph-valuation",
        "graphlet-orbits",
        "neural-common-neighbor",
        "noisy-label-clustering",
        "teddy",
    }
    assert set(slugs(catalogue_feed.search("room:graphs"))) == graphs
    assert set(slugs(catalogue_feed.search("edges room:graphs", 51))) == graphs
    assert {"lottery-ticket", "late-rewinding"} >= set(slugs(catalogue_feed.search("author:frankle", 51))[:2])
    assert "teddy" not in slugs(catalogue_feed.search("sparse -graph", 51))
    assert slugs(catalogue_feed.search('"lottery ticket hypothesis"', 51))
    assert catalogue_feed.search("day:..2020-01-01 noise") == []
    assert len(catalogue_feed.search("day:2025-03-14", 60)) == 51
    runnable = slugs(catalogue_feed.search("runnable:", 60))
    assert "norm-grad" in runnable
    assert "tame" not in runnable


def test_a_search_is_taken_apart():
    assert parse(
        'a "b c" -d -"e f" author:"Ann B" day:2026-11-01..2026-11-30 room:cs.LG verdict:not runnable:'
    ) == Query(
        "a b c",
        ("b c",),
        ("d", "e f"),
        ("Ann B",),
        ("cs.LG",),
        date(2026, 11, 1),
        date(2026, 11, 30),
        "does not hold",
        True,
    )


@pytest.mark.parametrize(
    "typed",
    [
        "AND", "OR NOT", "a:b", "day:yesterday", "day:..", '"', '"""', "title:[a", "((", "a^9999", "~", "-", "--", "*",
        "verdict:maybe", "author:", "\x00", "'; drop table paper; --", "é" * 900, "\ud800", "🤖 ", "day:2026-11-31",
    ],
)  # fmt: skip
def test_nothing_that_is_typed_is_an_error(catalogue_feed, typed):
    for hit in catalogue_feed.search(typed or "x", 3):
        assert hit.entry.id


def test_the_index_follows_the_database_and_is_made_anew_when_it_is_broken(feed, monkeypatch):
    ours = record(
        "file",
        names=["2611.00009"],
        title="Zebras in savannas",
        abstract="Stripes. More stripes.",
        day=date(2026, 11, 1),
    )
    monkeypatch.setattr(indexing, "searches_by_meaning", lambda: False)
    assert feed.search("zebras") == [] or "zebra" not in feed.search("zebras")[0].entry.title.casefold()
    ingest(feed.engine, [ours], now=NOW)
    assert feed.search("zebra")[0].entry.id == "arxiv:2611.00009"
    ingest(
        feed.engine,
        [record("arxiv", names=["2611.00009v2"], title="Okapis in forests", day=date(2026, 11, 2))],
        now=NOW,
    )
    assert feed.search("okapi")[0].entry.id == "arxiv:2611.00009"
    assert feed.search("zebra") == []
    for broken in ("state.json", "words/meta.json", "meaning/current"):
        (feed.index.folder / broken).write_bytes(b"\x00nonsense")
        feed.index = indexing.SearchIndex(feed.index.folder)
        feed.index.rebuild(feed.engine)
        assert feed.search("okapi")[0].entry.id == "arxiv:2611.00009"


def test_a_paper_that_becomes_one_with_another_is_found_once(feed, monkeypatch):
    monkeypatch.setattr(indexing, "searches_by_meaning", lambda: False)
    ingest(feed.engine, [record("a", names=["10.1000/z"], title="Zebras")], now=NOW)
    assert len(feed.search("zebras")) == 1
    ingest(feed.engine, [record("arxiv", names=["2611.00008", "10.1000/z"], title="Zebras")], now=NOW)
    assert [hit.entry.id for hit in feed.search("zebras")] == ["arxiv:2611.00008"]


def test_reading_for_meaning_goes_on_where_it_was(feed):
    assert feed.index.update(feed.engine, encode=2).understood == 2
    assert feed.search("grokking", follow=False)[0].entry.slug == "grokking"
    assert feed.index.update(feed.engine, encode=1).understood == 3
    assert feed.index.update(feed.engine, encode=0).understood == 3
