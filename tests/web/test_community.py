"""Comments, submissions and moderation in the browser, without JavaScript."""

import gzip
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert
from starlette.testclient import TestClient

from netopsy.feed import Feed, comments, schema, sessions
from netopsy.feed.database import writing
from netopsy.feed.settings import Settings
from netopsy.web.app import create_app

from .test_pages import Page

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAPER = "/papers/grokking"
BASE = "https://papers.example.org"


class Visitor:
    """Reads pages, and sends the forms on them."""

    def __init__(self, feed, settings, token=""):
        app = create_app(feed, settings, now=lambda: NOW)
        self.client = TestClient(app, base_url=settings.base_url, follow_redirects=False)
        self.origin = {"Origin": settings.base_url}
        if token:
            self.client.cookies.set("__Host-netopsy", token)

    def get(self, address, status=200):
        answer = self.client.get(address)
        assert answer.status_code == status, answer.text
        page = Page(answer.text)
        assert not page.open
        assert not page.crossed
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        return answer.text

    def post(self, address, page, status=303, **fields):
        token = self.get(page).partition('name="form_token" value="')[2].partition('"')[0]
        answer = self.client.post(address, data={"form_token": token} | fields, headers=self.origin)
        assert answer.status_code == status, answer.text
        return answer


@pytest.fixture
def feed(folder_of_feed, tmp_path):
    shutil.copytree(folder_of_feed, tmp_path, dirs_exist_ok=True)
    made = Feed.open(f"sqlite:///{tmp_path}/papers.db", now=NOW)
    yield made
    made.close()


@pytest.fixture
def local(feed, tmp_path):
    return Visitor(feed, Settings(secret_file=f"{tmp_path}/secret"))


@pytest.fixture
def public(feed, tmp_path):
    """Somebody who signed in long ago at a page on the internet, and somebody who did not."""
    settings = Settings(base_url=BASE, secret_file=f"{tmp_path}/secret")
    with writing(feed.engine) as connection:
        row = {"id": "ada", "created": NOW - timedelta(days=9), "address_hash": "a", "address": "ada@example.org"}
        connection.execute(insert(schema.account).values(**row))
        token = sessions.begin(connection, settings.secret(), "ada", NOW)
    return Visitor(feed, settings, token), Visitor(feed, settings)


def test_a_comment_is_written_answered_changed_rated_and_deleted(feed, local):
    assert "Nobody has said anything yet" in local.get(PAPER)
    where = local.post("/comments", PAPER, paper="arxiv:2310.06110", text="Is *this* so?\r\n\r\nTwo").headers[
        "location"
    ]
    (first,) = feed.comments("grokking", now=NOW)
    assert where == f"{PAPER}#comment-{first.id}"
    text = local.get(PAPER)
    assert "<p>Is <em>this</em> so?</p>" in text
    assert "Comments (1)" in text
    other = comments.write(feed.engine, "arxiv:2310.06110", "bob", "By the way", now=NOW)
    local.post("/comments", f"/comments/{other.id}/answer", paper="arxiv:2310.06110", parent=str(other.id), text="Yes")
    edit = f"/comments/{first.id}/edit"
    assert "Is *this* so?\n\nTwo</textarea>" in local.get(edit)
    local.post(edit, edit, text="Is it?")
    assert "changed 2026-11-28 12:00" in local.get(PAPER)
    local.post(f"/comments/{other.id}/rate", PAPER, value="1")
    text = local.get(PAPER)
    assert "1 of 1 find this helpful" in text
    assert text.index("By the way") < text.index("Is it?")
    local.post(f"/comments/{other.id}/rate", PAPER, value="0")
    local.post(f"/comments/{first.id}/delete", edit)
    text = local.get(PAPER)
    assert "Is it?" not in text
    assert "Comments (2)" in text
    found = local.client.get("/api/v1/comments/grokking").json()["comments"]
    assert [(each["source"], each["answers"][0]["source"]) for each in found] == [("By the way", "Yes")]


def test_what_cannot_be_taken_is_said_and_stays_in_the_form(local):
    answer = local.post("/comments", PAPER, 400, paper="arxiv:2310.06110", text="<x>" * 1400)
    assert "4,000 characters, got 4,200" in answer.text
    assert "&lt;x&gt;&lt;x&gt;" in answer.text
    local.post("/comments", PAPER, 400, paper="arxiv:2310.06110", text="\x00\u202e")
    local.post("/comments", PAPER, 404, paper="2611.99999", text="x")
    local.post("/comments/77/rate", PAPER, 404, value="1")
    local.post("/comments/77/rate", PAPER, 422, value="2")
    for address in ("/comments/77/edit", "/comments/77/answer", "/comments/0/edit", f"/comments/{10**20}/edit"):
        local.get(address, 404)


def test_only_those_who_signed_in_write_and_only_with_their_forms(feed, public):
    ada, anybody = public
    text = anybody.get(PAPER)
    assert "Sign in</a> to say something" in text
    assert "<textarea" not in text
    made = comments.write(feed.engine, "arxiv:2310.06110", "bob", "hello", now=NOW)
    steps = {
        "/comments": {"paper": "arxiv:2310.06110", "text": "x"},
        "/submit": {"paper": "2611.00077"},
        f"/comments/{made.id}/rate": {"value": "1"},
        f"/comments/{made.id}/edit": {"text": "x"},
        f"/comments/{made.id}/delete": {},
        "/moderation": {"what": "grokking", "action": "hide", "reason": "x"},
    }
    for address, fields in steps.items():
        assert anybody.client.post(address, data=fields, headers=anybody.origin).status_code == 401
        assert ada.client.post(address, data=fields, headers=ada.origin).status_code == 403
        assert ada.client.post(address, data=fields).status_code == 403
    ada.post(f"/comments/{made.id}/edit", PAPER, 403, text="x")
    ada.post(f"/comments/{made.id}/delete", PAPER, 403)
    ada.post("/moderation", PAPER, 403, **steps["/moderation"])
    for who, status in ((ada, 403), (anybody, 401)):
        who.get("/moderation", status)
    (left,) = feed.comments("grokking", now=NOW)
    assert (left.source, left.votes) == ("hello", 0)


def test_in_public_a_first_comment_waits_and_is_let_through(feed, public, local):
    ada, anybody = public
    ada.post("/comments", PAPER, paper="arxiv:2310.06110", text="My first")
    assert "It waits for a moderator" in ada.get(PAPER)
    assert "My first" not in anybody.get(PAPER)
    assert "My first" in local.get("/moderation")
    (waits,) = comments_of(feed)
    local.post("/moderation", "/moderation", what=f"comment:{waits.id}", action="approve")
    assert "My first" in anybody.get(PAPER)
    local.post("/moderation", "/moderation", what=f"comment:{waits.id}", action="ban", days="3", reason="was spam")
    assert "until 2026-12-01" in ada.post("/comments", PAPER, 400, paper="arxiv:2310.06110", text="More").text
    assert "was spam" in local.get("/moderation")


def comments_of(feed):
    with feed.engine.connect() as connection:
        return comments.of_paper(connection, "arxiv:2310.06110", moderator=True)


def test_a_page_that_was_read_is_read_again_when_comments_changed(feed, public):
    _, anybody = public
    tag = anybody.client.get(PAPER).headers["etag"]
    assert anybody.client.get(PAPER, headers={"If-None-Match": tag}).status_code == 304
    made = comments.write(feed.engine, "arxiv:2310.06110", "bob", "hello", now=NOW)
    answer = anybody.client.get(PAPER, headers={"If-None-Match": tag})
    assert (answer.status_code, "hello" in answer.text) == (200, True)
    comments.rate(feed.engine, made.id, "eve", 1, now=NOW)
    assert anybody.client.get(PAPER, headers={"If-None-Match": answer.headers["etag"]}).status_code == 200


def test_an_unknown_paper_leads_to_the_form_that_brings_it(feed, local):
    text = local.get("/papers/2611.00077v2", 404)
    assert 'href="/submit?paper=arXiv%3A2611.00077"' in text
    assert 'value="arXiv:2611.00077"' in local.get("/submit?paper=arXiv%3A2611.00077")
    assert local.post("/submit", "/submit", paper="https://arxiv.org/abs/2611.00077").headers["location"] == "/submit"
    assert "arXiv:2611.00077" in local.get("/submit")
    assert local.post("/submit", "/submit", paper="grokking", status=400)
    assert local.post("/submit", "/submit", paper="2310.06110").headers["location"] == PAPER
    assert feed.show("grokking", now=NOW).votes == 1
    answer = local.post("/submit", "/submit", 400, paper="http://169.254.169.254/latest", note="why")
    assert "a paper is named by" in answer.text
    assert 'value="why"' in answer.text


def test_what_is_hidden_in_the_browser_is_gone_from_pages_feeds_and_interface(local):
    places = ("/", "/trending", "/feeds/today.rss", "/feeds/today.atom", "/feeds/today.json", "/api/v1/today")
    places += ("/search?q=rings", "/api/v1/search?q=rings", "/feeds/search.rss?q=rings", "/month/2026-11")
    assert all("10.1000" in local.client.get(each).text for each in places)
    local.post("/moderation", "/moderation", what="doi:10.1000/../x", action="hide", reason="spam")
    assert not [each for each in places if "10.1000" in local.client.get(each).text]
    assert local.client.get("/papers/doi:10.1000%2F..%2Fx").status_code == 404
    assert local.client.get("/api/v1/papers/doi:10.1000%2F..%2Fx").status_code == 404
    assert "doi:10.1000/../x" in local.get("/moderation")
    local.post("/moderation", "/moderation", what="doi:10.1000/../x", action="unhide")
    assert all("10.1000" in local.client.get(each).text for each in places)
    local.post("/moderation", "/moderation", what="norm-grad", action="hide", reason="spam")
    assert "norm-grad" not in local.get("/evidence")
    assert "norm-grad" not in local.client.get("/api/v1/evidence").json()
    for address in ("/papers/norm-grad", "/figures/norm-grad/depth.svg", "/api/v1/evidence/norm-grad"):
        assert local.client.get(address).status_code == 404
    assert (
        "a reason must be given" in local.post("/moderation", "/moderation", 400, what="grokking", action="hide").text
    )


def test_many_comments_come_in_pages_and_the_page_stays_small(feed, local):
    for number in range(45):
        comments.write(feed.engine, "arxiv:2310.06110", f"account{number // 20}", f"comment number {number}", now=NOW)
    text = local.get(PAPER)
    assert "Comments (45)" in text
    assert text.count('class="said"') == 20
    assert local.get(f"{PAPER}?comments=3").count('class="said"') == 5
    assert local.get(f"{PAPER}?comments=99").count('class="said"') == 5
    assert len(gzip.compress(text.encode())) <= 20_000
