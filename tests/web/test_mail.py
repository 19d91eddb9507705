"""Papers by mail from the page: the button alone does it, pressing it twice is fine, and the answer tells nothing."""

import json
import quopri
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from netopsy.feed import schema
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.settings import Settings
from netopsy.feed.subscriptions import subscribe
from netopsy.feed.tick import tick
from netopsy.web.app import create_app

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OURS = {"origin": "http://127.0.0.1:8051"}


@pytest.fixture
def feed(own):
    return own


@pytest.fixture
def settings(tmp_path):
    return Settings(secret_file=str(tmp_path / "secret"))


@pytest.fixture
def visit(feed, settings):
    return TestClient(create_app(feed, settings, now=lambda: NOW), base_url="http://127.0.0.1:8051")


def rows(feed, table):
    with feed.engine.connect() as connection:
        return [row._mapping for row in connection.execute(select(table))]


def unquoted(letter):
    return quopri.decodestring(letter)


def path_of(link):
    return "/" + link.split("/", 3)[3]


def test_from_the_form_to_the_digest_and_out_at_one_click(feed, settings, visit, tmp_path):
    said = visit.post("/subscribe", data={"address": "ada@example.org", "authors": "Frankle, Li"}, headers=OURS)
    assert said.status_code == 200
    assert "ada@" not in said.text
    confirm = path_of(json.loads(rows(feed, schema.delivery)[0]["payload"])["link"])
    for _ in range(2):  # a program that looks at links does nothing
        page = visit.get(confirm)
        assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert rows(feed, schema.subscriber)[0]["state"] == "pending"
    assert [visit.post(confirm, headers=OURS).status_code for _ in range(2)] == [200, 200]
    (row,) = rows(feed, schema.subscriber)
    assert (row["state"], json.loads(row["interests"])["authors"]) == ("active", ["Frankle", "Li"])

    box = Maildir(tmp_path / "mail")
    assert tick(feed, settings, box, now=NOW).sending.sent == 1
    found = tick(feed, settings, box, now=row["next_due"] + timedelta(minutes=1))
    assert (found.planned, found.sending.sent) == (1, 1)
    assert tick(feed, settings, box, now=row["next_due"] + timedelta(minutes=2)).planned == 0
    letters = [each.read_bytes() for each in (tmp_path / "mail" / "new").iterdir()]
    (digest,) = [each for each in letters if b"List-Unsubscribe" in each]
    papers = {each.decode() for each in re.findall(rb'href="http://127.0.0.1:8051(/papers/[^"]+)"', unquoted(digest))}
    assert len([each for each in papers if not each.endswith("/run")]) == 20
    assert any(each.endswith("/run") for each in papers)
    assert {visit.get(each).status_code for each in papers} == {200}
    leave = path_of(digest.split(b"List-Unsubscribe: <")[1].split(b">")[0].decode())
    assert visit.get(leave).status_code == 200
    assert rows(feed, schema.subscriber)[0]["state"] == "active"
    one_click = {"List-Unsubscribe": "One-Click"}
    answers = [visit.post(leave, data=one_click, follow_redirects=False).status_code for _ in range(2)]
    assert answers == [200, 200]
    (gone,) = rows(feed, schema.subscriber)
    assert (gone["state"], gone["address"]) == ("gone", None)


def test_known_and_unknown_addresses_get_the_same_answer(feed, visit):
    first = visit.post("/subscribe", data={"address": "ada@example.org"}, headers=OURS)
    again = visit.post("/subscribe", data={"address": "ADA@example.org"}, headers=OURS)
    assert first.content == again.content
    for _ in range(5):
        last = visit.post("/subscribe", data={"address": "ada@example.org"}, headers=OURS)
    assert last.content == first.content
    assert len(rows(feed, schema.delivery)) == 3


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("address", "ada", 400),
        ("address", "a@b.org\r\nBcc: c@d.org", 400),
        ("zone", "Moon/Sea", 400),
        ("kind", "hourly", 400),
        ("hour", "24", 422),
        ("hour", "x", 422),
        ("weekday", "-1", 422),
        ("words", "w" * 3000, 422),
    ],
)
def test_what_cannot_be_is_one_sentence(feed, visit, field, value, status):
    answer = visit.post("/subscribe", data={"address": "ada@example.org"} | {field: value}, headers=OURS)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    assert rows(feed, schema.delivery) == []


@pytest.mark.parametrize("place", ["/confirm/a", "/unsubscribe/a", "/confirm/" + "x" * 3000, "/unsubscribe/a.b.c"])
def test_a_link_of_nobody_leads_nowhere(visit, place):
    assert visit.get(place).status_code == 404
    assert visit.post(place, headers=OURS).status_code == 410


def test_a_form_of_another_site_asks_for_nothing(feed, visit):
    data = {"address": "ada@example.org"}
    assert visit.post("/subscribe", data=data, headers={"origin": "https://evil.example"}).status_code == 403
    assert rows(feed, schema.delivery) == []


def test_the_form_says_what_its_fields_are(visit):
    page = visit.get("/subscribe").text
    assert page.count("<label") >= 8
    assert "style=" not in page


def test_letters_go_out_beside_the_pages_and_what_goes_wrong_is_tried_again(feed, settings, tmp_path, monkeypatch):
    import threading

    from netopsy.web import ticker

    done, calls = threading.Event(), []

    def ticked(*arguments, now, limit):
        calls.append(now)
        if len(calls) == 1:
            raise RuntimeError("of a database that is away")
        if len(calls) == 3:
            done.set()
        return tick(*arguments, now=now, limit=limit)

    monkeypatch.setattr("netopsy.feed.tick.tick", ticked)
    monkeypatch.setattr(ticker, "MOST", 4)
    monkeypatch.setattr(ticker, "PORTION", 2)
    there = replace(settings, mail=f"maildir:{tmp_path / 'mail'}")
    for number in range(5):
        subscribe(feed.engine, there, there.secret(), f"ada{number}@example.org", now=NOW)
    beside = ticker.Ticker(feed, there, now=lambda: NOW, seconds=0.01)
    beside.start()
    assert done.wait(30)
    beside.stop()
    assert not beside.is_alive()
    assert (
        len(list((tmp_path / "mail" / "new").iterdir())) >= 4
    )  # two portions of one tick, and what is left in the next
