"""Commands run whole programs, at their own speed; those of the feed have one of their own."""

import shutil

import pytest


@pytest.fixture(scope="module", autouse=True)
def _at_own_speed(at_own_speed, shared_cache) -> None:
    pass


@pytest.fixture
def own_feed(new_feed, tmp_path, monkeypatch) -> None:
    """A new feed with its files in the test's folder, where the test works; no source answers."""
    shutil.copy(new_feed, tmp_path / "papers.db")
    monkeypatch.setenv("NETOPSY_FEED", f"sqlite:///{tmp_path}/papers.db")
    monkeypatch.setenv("NETOPSY_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("NETOPSY_ARXIV_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
