"""A page that did not change is made once, and is nobody else's."""

import re
from datetime import timedelta
from functools import lru_cache

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


def test_whether_something_changed_is_asked_of_the_tables_once_a_write(counted, own, moment, monkeypatch):
    visit, _ = counted
    site = visit.app.state.site
    asked, ask = [], site._revision
    monkeypatch.setattr(site, "_revision", lambda: asked.append(1) or ask())
    tags = [visit.get(place).headers["etag"] for place in ("/trending", "/", "/trending?page=2")]
    assert len(asked) == len(set(tags)) == 1
    own.vote("grokking", "ann", now=moment[0])
    tags.append(visit.get("/trending").headers["etag"])
    moment[0] += timedelta(1)
    tags.append(visit.get("/trending").headers["etag"])
    monkeypatch.setattr(own.writes, "seen", lambda: None)  # as on PostgreSQL
    assert {visit.get("/trending").headers["etag"] for _ in range(3)} == {tags[-1]}
    assert len(asked) == 6
    assert len(set(tags)) == 3


def test_a_paper_in_a_list_is_made_once_for_all_who_have_no_account(counted, own, moment, monkeypatch):
    visit, _ = counted
    site = visit.app.state.site
    made, make = [], site._made_card
    monkeypatch.setattr(site, "_cards", lru_cache(lambda *given: made.append(given[0].id) or make(*given)))
    first, again = visit.get("/trending").text, visit.get("/trending?page=1").text
    assert len(made) == len(set(made)) == first.count('<article class="card">') > 40
    assert again.count("</article>") == first.count("</article>")
    own.vote("grokking", "ann", now=moment[0])
    assert "1 vote" in visit.get("/trending").text
    assert made[-1] == own.show("grokking").id
    assert len(made) == len(set(made)) + 1


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
