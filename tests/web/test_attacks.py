"""What is typed or fetched puts no element, attribute or address of its own into a page."""

from datetime import UTC, date, datetime
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from netopsy.feed import comments
from netopsy.feed.markdown import TAGS
from netopsy.feed.records import record
from netopsy.feed.settings import Settings
from netopsy.feed.store import ingest
from netopsy.web.app import create_app

from .conftest import open_feed

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
HARMFUL = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</h1></main><script>alert(1)</script>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "' onmouseover='alert(1)",
    "<img src=x onerror=alert(1)>",
    "<img src=`x`onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>*{background:url(//evil.example)}</style>",
    "<p style=position:fixed;inset:0>x</p>",
    "<form action=//evil.example><input name=x><button>Go</button></form>",
    "<a href=javascript:alert(1)>x</a>",
    "<details open ontoggle=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<!--<img src='--><img src=x onerror=alert(1)>'>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#x0a;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    '[x](http://a.b/"onclick="alert(1))',
    "[x](http://a.b 'x\" onclick=\"alert(1)')",
    "[x](<http://a.b/><script>alert(1)</script>)",
    '![x](x" onerror="alert(1))',
    "![x](https://evil.example/pixel.png)",
    "<javascript:alert(1)>",
    '<https://a.b/"onclick=alert(1)>',
    "[x]: javascript:alert(1)\n\n[x]",
    "`<script>alert(1)</script>`",
    '```"><script>\n<script>alert(1)</script>\n```',
    "{{ 7*7 }}{% for x in y %}${7*7}#{7*7}",
    '\\"><script>alert(1)</script>',
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "\u202e<script>alert(1)</script>\u2066",
    "$\\text{<script>alert(1)</script>}$",
    "\\emph{<img src=x onerror=alert(1)>}",
)
PLACES = ("paper", "comment", "typed")
ADDRESSES = ("/papers/", "/submit?paper=", "/moderation?what=", "/go?day=", "/search?room=")
ALLOWED = TAGS | {
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "div", "img", "form", "label", "input",
    "button", "nav", "main", "h1", "h2", "h3", "section", "article", "footer", "span", "dl", "dt", "dd", "details",
    "summary", "select", "option", "textarea", "kbd", "table", "caption", "thead", "tbody", "tr", "th", "td", "abbr",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "rel", "href", "type", "title", "src", "defer", "class", "alt", "width",
    "height", "role", "action", "for", "id", "value", "placeholder", "maxlength", "tabindex", "aria-label",
    "aria-labelledby", "aria-describedby", "aria-current", "aria-pressed", "method", "rows", "required", "hidden",
    "min", "max", "form", "formaction", "data-names", "autocomplete", "selected", "checked", "loading", "scope",
}  # fmt: skip


class Guard(HTMLParser):
    """Fails at what a page does not have of itself."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.scripts = [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            if name in ("href", "src", "action"):
                assert value.startswith(("/", "#", "https://", "http://")), value
                assert not value.startswith("//"), value
        named = dict(attrs)
        if tag in ("script", "img", "link"):
            assert named.get("src", named.get("href")).startswith(("/static/", "/figures/", "/feeds/")), named
        if tag == "form":
            assert named["action"].startswith("/")
        if tag == "a" and named["href"].startswith("http") and "class" not in named:
            assert "noopener" in named["rel"]
        if tag == "meta":
            assert "http-equiv" not in named
        self.scripts += tag == "script"

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_decl(self, decl):
        assert decl == "doctype html"

    def unknown_decl(self, data):
        raise AssertionError(data)

    def handle_pi(self, data):
        raise AssertionError(data)


@pytest.fixture(scope="module")
def attacked(new_feed, tmp_path_factory):
    feed = open_feed(new_feed, tmp_path_factory.mktemp("attacked"))
    records = [
        record(
            "file",
            title=text,
            names=[f"2610.{number:05}"],
            authors=[text, f"{text} et al."],
            abstract=f"On {text}",
            categories=[text],
            keywords=[text],
            day=date(2026, 11, 28),
        )
        for number, text in enumerate(HARMFUL)
    ]
    ingest(feed.engine, records, now=NOW)
    feed.follow(encode=0)
    app = create_app(feed, Settings(), now=lambda: NOW)
    visit = TestClient(app, base_url="http://127.0.0.1:8051", follow_redirects=False)
    yield feed, visit, _token(visit.get("/submit").text)
    feed.close()


def guarded(answer, status=200):
    assert answer.status_code == status, answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert Guard(answer.text).scripts == 1
    assert "\u202e" not in answer.text
    return answer


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", range(len(HARMFUL)))
def test_a_page_has_nothing_of_what_was_put_in(attacked, place, number):
    feed, visit, token = attacked
    text = HARMFUL[number]
    if place == "paper":
        guarded(visit.get(f"/papers/2610.{number:05}"))
    elif place == "comment":
        who = "local" if number % 2 else "another"
        made = comments.write(feed.engine, f"arxiv:2610.{number:05}", who, text, now=NOW)
        guarded(visit.get(f"/comments/{made.id}/{'edit' if number % 2 else 'answer'}"))
    elif number % 2:
        guarded(visit.get("/search?q=" + quote(text, safe="")))
        answer = visit.get(ADDRESSES[number % len(ADDRESSES)] + quote(text, safe=""))
        assert answer.status_code in (200, 400, 404)
        guarded(answer, answer.status_code)
    else:
        origin = {"Origin": "http://127.0.0.1:8051"}
        typed = {"form_token": token, "paper": text, "note": text, "what": text, "reason": text, "action": "hide"}
        guarded(visit.post("/submit" if number % 4 else "/moderation", data=typed, headers=origin), 400)


def test_lists_and_the_moderators_page_have_nothing_of_it_either(attacked):
    feed, visit, _ = attacked
    for number, text in enumerate(HARMFUL):
        comments.write(feed.engine, "arxiv:2310.06110", f"first{number}", text, moderated=True, now=NOW)
    pages = [f"/papers/grokking?comments={number}" for number in (1, 2, 3)]
    for page in ("/", "/day/2026-11-28", "/trending", "/moderation", *pages):
        guarded(visit.get(page))


def _token(page):
    return page.partition('name="form_token" value="')[2].partition('"')[0]
