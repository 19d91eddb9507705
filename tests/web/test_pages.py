"""Every page is whole, the same lists stand everywhere, and nothing that is typed breaks one."""

import gzip
import json
import re
from html.parser import HTMLParser

import feedparser
import pytest

from netopsy.cli import main
from netopsy.web.site import HERE

PAGES = (
    "/",
    "/day/2025-03-14",
    "/day/2026-11-27",
    "/day/0001-01-01",
    "/day/9999-12-31",
    "/week/2026-W48",
    "/week/2025-W11",
    "/month/2025-03",
    "/month/1999-01",
    "/trending",
    "/top/week",
    "/top/month",
    "/search",
    "/search?q=grokking",
    "/search?q=a&room=graphs&runnable=true",
    "/search?q=%22unclosed+-",
    "/search?room=graphs",
    "/papers/norm-grad",
    "/papers/2004.02866",
    "/papers/2611.00001",
    "/papers/doi:10.1000%2F..%2Fx",
    "/papers/grokking",
    "/evidence",
    "/about",
)


class Page(HTMLParser):
    """What the tests ask of a page."""

    VOID = frozenset(["meta", "link", "input", "img", "br", "hr"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.crossed = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def all(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("who", ["visit", "anybody"])
def test_a_page_is_whole_and_asks_nothing_of_elsewhere(request, who, address):
    answer = request.getfixturevalue(who).get(address)
    assert answer.status_code == 200, answer.text
    page = Page(answer.text)
    assert not page.open
    assert not page.crossed
    assert [len(page.all(name)) for name in ("h1", "main", "title", "header", "footer")] == [1, 1, 1, 1, 1]
    labelled = {attrs.get("for") for attrs in page.all("label")}
    shown = [attrs for attrs in page.all("input", "select", "textarea") if attrs.get("type") != "hidden"]
    assert {attrs["id"] for attrs in shown} <= labelled
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in page.tags:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        if tag in ("script", "img", "link"):
            assert attrs.get("src", attrs.get("href", "")).startswith("/")
        if tag == "img":
            assert {"alt", "width", "height"} <= set(attrs)
    assert all("src" in attrs for attrs in page.all("script"))
    assert "alert(1)</script>" not in answer.text
    assert "<img src=x" not in answer.text
    assert "\u202e" not in answer.text


def test_links_between_pages_lead_somewhere(visit):
    seen, todo = set(), ["/", "/evidence", "/papers/norm-grad", "/papers/2611.00001", "/search?q=graphs"]
    while todo and len(seen) < 60:
        address = todo.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = visit.get(address)
        assert answer.status_code in (200, 303), address
        if "text/html" in answer.headers.get("content-type", ""):
            links = Page(answer.text).all("a", "link", "img", "script")
            found = [attrs.get("href") or attrs.get("src") for attrs in links]
            todo += [each for each in found if each.startswith("/")]
    assert len(seen) == 60


def test_page_interface_feeds_command_line_and_agents_list_the_same(visit, agent, feed, monkeypatch, capsys):
    monkeypatch.setenv("NETOPSY_FEED", feed.engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr("netopsy.feed.feed.searches_by_meaning", lambda: False)  # no paper was read for it here
    lists = {
        "day 2025-03-14": ("/day/2025-03-14", "day/2025-03-14", "2025-03-14"),
        "day 2026-11-27": ("/day/2026-11-27", "day/2026-11-27", "2026-11-27"),
        "week 2026-W48": ("/week/2026-W48", "week/2026-W48", "2026-W48"),
        "month 2025-03": ("/month/2025-03", "month/2025-03", "2025-03"),
        "trending": ("/trending", "trending", "trending"),
        "top week": ("/top/week", "top/week", "top-week"),
        "search grokking --limit 30": ("/search?q=grokking", "search?q=grokking&limit=30", "search?q=grokking"),
    }
    for command, (page, api, name) in lists.items():
        assert main(["feed", *command.split(), "--json"]) == 0
        told = [each["id"] for each in json.loads(capsys.readouterr().out)]
        assert [each["id"] for each in visit.get(f"/api/v1/{api}").json()["papers"]] == told
        verb, _, rest = command.partition(" ")
        if verb == "search":
            answer = agent.call("search_papers", query="grokking", limit=30)
        else:
            answer = agent.call("papers_of_day", day=rest if verb in ("day", "week", "month") else command)
        assert [each["id"] for each in answer["papers"]] == told
        head, _, asked = name.partition("?")
        feeds = visit.get(f"/feeds/{head}.json?{asked}").json()["items"]
        assert [each["id"] for each in feeds][: len(told)] == told
        links = Page(visit.get(page).text)
        shown = [
            attrs["href"]
            for (tag, _), (_, attrs) in zip(links.tags, links.tags[1:], strict=False)
            if tag in ("h2", "h3") and attrs.get("href", "").startswith("/papers/")
        ]
        assert [visit.get("/api/v1" + each).json()["id"] for each in shown] == told
    assert len(visit.get("/api/v1/day/2025-03-14").json()["papers"]) == 51


def test_feeds_are_read_by_a_feed_reader(visit):
    for name in ("today", "trending", "2026-W48", "top-month"):
        for kind in ("rss", "atom"):
            read = feedparser.parse(visit.get(f"/feeds/{name}.{kind}").content)
            assert not read.bozo
    found = feedparser.parse(visit.get("/feeds/search.rss?q=sparse%20%3Cb%3E").content)
    assert not found.bozo
    assert found.entries


def test_the_latest_day_stands_for_today_and_says_so(visit):
    text = visit.get("/").text
    assert "Nothing newer has come in" in text
    assert "Friday, 27 November 2026" in text
    assert 'href="/day/2025-03-14" rel="prev"' in text
    assert visit.get("/go?day=2025-03-14").headers["location"] == "/day/2025-03-14"


def test_a_papers_page_has_its_verdicts_and_its_figures_are_harmless_pictures(visit):
    text = visit.get("/papers/norm-grad").text
    assert "0.362 [0.284, 0.439]" in text
    assert "netopsy reproduce norm-grad" in text
    assert "@misc{norm-grad" in text
    figure = visit.get("/figures/norm-grad/depth.svg")
    assert figure.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in figure.headers["content-security-policy"]
    assert "script-src" not in figure.headers["content-security-policy"]


def test_tex_is_made_readable(visit):
    assert "Gröbner bases in O(n²)" in visit.get("/papers/doi:10.1000%2F..%2Fx").text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nowhere", 404),
        ("/papers/2611.99999", 404),
        ("/papers/%3Cscript%3E", 404),
        ("/papers/..%2f..%2fetc", 404),
        ("/day/2026-1-1", 400),
        ("/week/2025-W54", 400),
        ("/month/2026-13", 400),
        ("/top/year", 422),
        ("/go?day=x", 400),
        ("/search?q=" + "x" * 301, 400),
        ("/search?room=%22%3E", 400),
        ("/feeds/nobody.rss", 404),
        ("/feeds/search.rss", 400),
        ("/feeds/today.xml", 422),
        ("/figures/norm-grad/..%2f..%2fx.svg", 404),
        ("/figures/%2e%2e/x.svg", 404),
        ("/static/..%2fapp.py", 404),
        ("/static/page.css", 404),
        ("/api/v1/papers/nothing", 404),
        ("/docs", 404),
        ("/api/v1/trending?limit=0", 422),
        ("/api/v1/search?q=", 422),
        ("/api/v1/nowhere", 404),
        ("/api/v1/day/x", 400),
    ],
)
def test_what_is_not_there_is_one_sentence(visit, address, status):
    answer = visit.get(address)
    assert answer.status_code == status
    if address.startswith("/api/"):
        assert set(answer.json()) == {"error"}
    else:
        page = Page(answer.text)
        assert len(page.all("h1")) == 1
        assert not page.open
        assert "<script>" not in answer.text
    assert "Traceback" not in answer.text
    assert "etag" not in answer.headers
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_day_of_51_and_its_files_are_small(visit):
    assert len(gzip.compress(visit.get("/day/2025-03-14").content)) <= 20_000
    for name, most in (("page.css", 12_000), ("page.js", 8_000)):
        assert len(gzip.compress((HERE / "static" / name).read_bytes())) <= most


def test_the_interface_describes_itself(visit):
    found = visit.get("/api/openapi.json").json()
    assert "/api/v1/search" in found["paths"]
    assert all(path.startswith("/api/v1/") for path in found["paths"])
    assert visit.get("/api/v1/evidence/norm-grad").json()["paper"] == "norm-grad"
    assert visit.get("/healthz").text == "ok\n"


ODD = ("0", "%00", "%ff", "-1", "%F0%9F%92%A9", "..%2f..", "9999-12-31", "2026-W53", "true", "x" * 301)
"""What a generator of requests from the description made, one of each shape."""
BODIES = (
    None,
    "x",
    [],
    {},
    {"paper": "\x00"},
    {"paper": "eigen-cam", "more": 1},
    {"seed": 2**31},
    {"samples": [""] * 11},
)


def test_whatever_is_asked_of_the_interface_its_description_has_the_answer(anybody):
    told = anybody.get("/api/openapi.json").json()
    assert told["components"]["schemas"]["Refusal"]["required"] == ["error"]
    seen = set()
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            for number, odd in enumerate(ODD if "{" in path else ODD[:4] if method == "get" else BODIES):
                address = re.sub(r"\{[^}]*\}", lambda _, odd=odd: str(odd), path)
                if method == "get" and "{" not in path:
                    address += f"?q={odd}&limit={odd}"
                body = {"json": BODIES[number % len(BODIES)]} if method == "post" else {}
                answer = anybody.request(method, address, **body)
                assert str(answer.status_code) in operation["responses"], (method, address, answer.text)
                assert answer.headers["content-type"] == "application/json"
                assert (set(answer.json()) == {"error"}) == (answer.status_code >= 400)
                seen.add(answer.status_code)
    assert seen >= {200, 400, 404, 422}
