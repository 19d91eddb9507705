"""A page that is open to others, and browsers that sign in to it by the letters that it writes."""

import json
import re
from datetime import UTC, datetime

from sqlalchemy import select
from starlette.testclient import TestClient

from netopsy.feed import schema

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BASE = "https://papers.example.org"
OURS = {"origin": BASE}


def browser(app) -> TestClient:
    return TestClient(app, base_url=BASE, follow_redirects=False)


def rows(feed, table):
    with feed.engine.connect() as connection:
        return [row._mapping for row in connection.execute(select(table))]


def ask(visit, feed, address="ada@example.org", back="/") -> str:
    """Where the letter leads that a browser asks for."""
    before = {each["id"] for each in rows(feed, schema.delivery)}
    assert visit.post("/sign-in", data={"address": address, "back": back}, headers=OURS).status_code == 200
    (letter,) = [each for each in rows(feed, schema.delivery) if each["id"] not in before]
    return json.loads(letter["payload"])["link"].removeprefix(BASE)


def sign_in(app, feed, address="ada@example.org", back="/"):
    """A browser that has done it."""
    visit = browser(app)
    place = ask(visit, feed, address, back)
    assert visit.get(place).status_code == 200
    answer = visit.post(place, headers=OURS)
    assert answer.status_code == 303, answer.text
    return visit


def token_of(visit, page="/settings") -> str:
    """What stands in the forms of that browser's pages."""
    return re.search(r'name="form_token" value="([0-9a-f]{64})"', visit.get(page).text)[1]
