"""The first search waits for nothing: words find, and the page says so until meaning is ready."""

import hashlib

import numpy as np
import pytest
from starlette.testclient import TestClient

from netopsy.feed.search.vectors import WIDTH
from netopsy.feed.settings import Settings
from netopsy.web.app import create_app

from .conftest import NOW

SOON = "found by words alone: meaning comes when the index is ready"


def _encoder():
    """Unit vectors that have nothing to do with what a text means."""

    def encoded(texts):
        seeds = [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) for text in texts]
        found = np.stack([np.random.default_rng(seed).normal(size=WIDTH) for seed in seeds]).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    return encoded


@pytest.fixture
def visit(own, tmp_path, monkeypatch):
    for place in ("netopsy.feed.search.index", "netopsy.web.reading"):
        monkeypatch.setattr(f"{place}.encoder", _encoder)
        monkeypatch.setattr(f"{place}.searches_by_meaning", lambda: True)
    app = create_app(own, Settings(secret_file=str(tmp_path / "secret")), now=lambda: NOW)
    return TestClient(app, base_url="http://127.0.0.1:8051")


def test_words_find_at_once_and_meaning_comes_with_the_index_and_the_encoder(visit, own):
    reading = visit.app.state.site.reading
    for _ in range(2):
        page = visit.get("/search?q=grokking")
        assert SOON in page.text
        assert "Grokking" in page.text
        assert page.headers["cache-control"] == "no-store"
    assert not reading.loading()  # while nothing was read there is nothing to be asked
    assert visit.get("/api/v1/search?q=grokking").json()["meaning"] is False
    assert visit.get("/feeds/search.json?q=grokking").headers["cache-control"] == "no-store"
    assert own.follow().understood == 51
    visit.get("/search?q=grokking")  # which lets the encoder be loaded
    assert reading.wait(30.0)
    page = visit.get("/search?q=grokking")
    assert "words alone" not in page.text
    assert page.headers["cache-control"] == "private, no-cache"
    assert visit.get("/api/v1/search?q=grokking").json()["meaning"] is True


def test_a_search_does_not_wait_for_whoever_reads_the_papers(visit, own):
    own.follow(encode=0)
    with own.index._written():
        assert "Grokking" in visit.get("/search?q=grokking").text


def test_an_encoder_that_cannot_be_loaded_leaves_words(visit, own, monkeypatch, caplog):
    def broken():
        raise MemoryError("what was typed")

    own.follow()
    monkeypatch.setattr("netopsy.web.reading.encoder", broken)
    reading = visit.app.state.site.reading
    assert "Grokking" in visit.get("/search?q=grokking").text
    while reading.loading():
        reading.wait(0.01)
    assert "Grokking" in visit.get("/search?q=grokking").text
    assert "searches go by words alone: MemoryError" in caplog.text
    assert "typed" not in caplog.text
