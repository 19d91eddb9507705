"""Search finds papers asked for in other words, offline, with and without the sentence encoder."""

import functools
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from netopsy import InputError
from netopsy.catalogue import papers
from netopsy.catalogue import search as module
from netopsy.catalogue.passages import passages
from netopsy.catalogue.search import Hit, search, searches_by_meaning

QUERIES = tomllib.loads(Path(__file__).with_name("queries.toml").read_text())["queries"]
SLUGS = {paper.slug for paper in papers()}
meaning = pytest.mark.skipif(not searches_by_meaning(), reason="the extra netopsy[search] is not installed")


@pytest.fixture(scope="module", autouse=True)
def cache(catalogue_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETOPSY_CACHE", str(catalogue_cache))
        yield catalogue_cache


@pytest.fixture
def by_words(monkeypatch):
    """As if the sentence encoder were not installed."""
    monkeypatch.setattr(module, "searches_by_meaning", lambda: False)


@pytest.fixture(scope="module")
def missed(cache):
    """The questions that find no right paper among the first three, by meaning and words or by words alone."""

    @functools.cache
    def those(by_meaning: bool) -> list[str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "searches_by_meaning", lambda: by_meaning)
            return [q for q, right in QUERIES.items() if not {hit.paper.slug for hit in search(q, 3)} & set(right)]

    return those


def test_the_questions_are_many_and_about_papers_that_exist():
    assert len(QUERIES) >= 60
    assert {slug for right in QUERIES.values() for slug in right} <= SLUGS


@meaning
def test_nine_questions_in_ten_find_a_right_paper_among_the_first_three(missed):
    lost = missed(True)
    assert len(lost) <= len(QUERIES) // 10, lost


def test_words_alone_find_two_thirds(missed):
    lost = missed(False)
    assert len(lost) <= len(QUERIES) // 3, lost


@meaning
def test_meaning_adds_to_words(missed):
    assert len(missed(True)) < len(missed(False))


@pytest.mark.parametrize("words", [True, False], ids=["words", "meaning"])
@pytest.mark.parametrize(
    ("query", "slug"),
    [
        ("lottery-ticket", "lottery-ticket"),
        ("1412.1897", "fooling-images"),
        ("Kampffmeyer", "connectivity-segmentation"),
        ("  POINCARÉ RESNET ", "poincare-resnet"),
    ],
)
def test_a_name_is_found_first(query, slug, words, monkeypatch):
    if words:
        monkeypatch.setattr(module, "searches_by_meaning", lambda: False)
    first = search(query, 1)[0]
    assert (first.paper.slug, first.score) == (slug, 1.0)


def test_hits_are_sorted_and_as_many_as_asked():
    hits = search("pruning", 7)
    assert len(hits) == 7
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.paper.slug for hit in hits}) == 7
    for hit in hits:
        assert isinstance(hit, Hit)
        assert 0 < hit.score <= 1
        assert hit.passage in passages().texts
    assert search("pruning", 3) == hits[:3]
    assert len(search("pruning", 1000)) <= 51


def test_words_that_occur_nowhere_find_nothing(by_words):
    assert search("qqqqq zzzzz") == []


@pytest.mark.parametrize("query", ["", "   ", "\n"])
def test_an_empty_query_is_refused(query):
    with pytest.raises(InputError, match="query must be a few words"):
        search(query)


@pytest.mark.parametrize("limit", [0, -3, True, 2.5, "3"])
def test_a_limit_that_is_no_count_is_refused(limit, unchecked):
    with pytest.raises(InputError, match="limit must be a whole number of at least 1"):
        search("pruning", limit)


@pytest.mark.parametrize("query", ["∀∃ 你好 🙂", "a" * 5000, "'; DROP TABLE", "\x00"])
def test_odd_queries_do_no_harm(query):
    assert len(search(query, 5)) <= 5


@meaning
def test_vectors_are_those_of_sentence_transformers(tmp_path):
    """The oracle is the full library, reading the same files."""
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from netopsy.catalogue.encoder import SentenceEncoder

    folder = module._folder()
    texts = ["Prune it.", papers()[0].summary, "Zweig \N{SNOWMAN} façade " * 200, "x"]
    theirs = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    expected = theirs.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    np.testing.assert_allclose(SentenceEncoder(folder).encode(texts), expected, atol=2e-6)


@meaning
def test_the_vectors_are_stored_once_and_read_again(cache, monkeypatch):
    from netopsy.catalogue import vectors

    search("graphs")
    (file,) = cache.glob("catalogue-*.npz")
    with np.load(file, allow_pickle=False) as stored:
        assert stored["vectors"].shape == (len(passages().texts), 384)
    encoder = vectors._encoder(module._folder())
    known, _ = vectors.vectors_of(passages().texts, module._folder())
    monkeypatch.setattr(type(encoder), "encode", lambda *_: pytest.fail("the stored vectors were not used"))
    again, _ = vectors.vectors_of(passages().texts, module._folder())
    np.testing.assert_array_equal(known, again)


@meaning
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:2000] + bytes([data[2000] ^ 255]) + data[2001:],
        lambda data: b"not an archive",
    ],
    ids=["empty", "cut", "flipped", "other"],
)
def test_a_damaged_cache_is_made_again(tmp_path, monkeypatch, damage):
    from netopsy.catalogue import vectors

    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path))
    texts = ("one", "two", "three")
    right, _ = vectors.vectors_of(texts, module._folder())
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    again, _ = vectors.vectors_of(texts, module._folder())
    np.testing.assert_array_equal(again, right)
    with np.load(file) as stored:
        np.testing.assert_array_equal(stored["vectors"], right)
    assert list(tmp_path.iterdir()) == [file]


@meaning
def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    from netopsy.catalogue import vectors

    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "file" / "below"))
    found, _ = vectors.vectors_of(("one", "two"), module._folder())
    assert found.shape == (2, 384)


@meaning
def test_another_text_has_another_cache(tmp_path, monkeypatch):
    from netopsy.catalogue import vectors

    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path))
    vectors.vectors_of(("one",), module._folder())
    vectors.vectors_of(("two",), module._folder())
    assert len(list(tmp_path.iterdir())) == 2


@meaning
def test_a_search_does_not_import_the_model_hubs_library(cache):
    script = (
        "import sys; from netopsy.catalogue.search import search; print(search('pruning', 1)[0].paper.room);"
        "print([m for m in ('transformers', 'sentence_transformers', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["sparsity", "[]"]
    assert done.stderr == ""
