"""A page that did not change is made once, and is nobody else's."""

import re

import pytest
from starlette.testclient import TestClient

from netopsy.web.app import create_app
from netopsy.web.caching import Finished
from netopsy.web.early import Early


@pytest.fixture
def counted(own, settings, moment, monkeypatch):
    """A visitor whom nobody knows, and how many pages were made for all visitors."""
    app = create_app(own, settings, now=lambda: moment[0])
    made, make = [], app.state.site.page
    monkeypatch.setattr(app.state.site, "page", lambda *given, **names: made.append(given[1]) or make(*given, **names))
    return TestClient(app, base_url="https://papers.example.org", follow_redirects=False), made


def test_it_is_made_once_until_something_changes(counted, own, moment):
    visit, made = counted
    first, second = visit.get("/trending"), visit.get("/trending")
    assert made == ["ranked.html"]
    assert second.content == first.content
    assert {**second.headers} == {**first.headers}
    own.vote("grokking", "ann", now=moment[0])
    assert visit.get("/trending").headers["etag"] != first.headers["etag"]
    assert len(made) == 2
    visit.get("/trending?page=2")
    visit.head("/trending")
    assert len(made) == 3


def test_what_is_missing_and_what_is_asked_by_form_is_made_each_time(counted):
    visit, made = counted
    for _ in range(2):
        assert visit.get("/papers/nothing-of-the-kind").status_code == 404
        visit.get("/sign-in")
    assert len(made) == 4


def test_the_pages_asked_for_last_are_kept():
    kept, page = Finished(), [(b"etag", b"1")]
    for number in range(100):
        kept.put((f"{number}",), page, bytes(400_000))
        kept.get(("0",))
    assert kept.get(("0",)) == (page, bytes(400_000))
    assert kept.get(("1",)) is None
    assert kept.get(("99",)) is not None
    kept.put(("large",), page, bytes(Finished.LARGEST + 1))
    assert kept.get(("large",)) is None


def test_the_page_that_is_asked_for_first_is_the_one_that_comes_later(own, settings, app, moment, monkeypatch):
    loaded = []
    monkeypatch.setattr("netopsy.web.app.create_app", lambda *_, **__: loaded.append(1) or app)
    early = TestClient(Early(own, settings, now=lambda: moment[0]), base_url=settings.base_url)
    later = TestClient(app, base_url=settings.base_url)
    first = early.get("/")
    assert (first.text, dict(first.headers)) == (later.get("/").text, dict(later.get("/").headers))
    for address in re.findall(r'"(/static/[^"]+)"', first.text):
        assert early.get(address).content == later.get(address).content
    assert early.get("/about").text == later.get("/about").text
    assert early.post("/", headers={"sec-fetch-site": "same-origin"}).status_code == 405
    assert loaded == [1]
