"""A letter as any reader of mail finds it."""

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser

import pytest
from PIL import Image

from netopsy import InputError
from netopsy.feed.lists import Entry
from netopsy.feed.mail.message import Letter, build
from netopsy.feed.mail.painting import painted
from netopsy.feed.mail.pictures import MOST
from netopsy.lab.evidence import load_evidence

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LEAVE = "https://papers.example.org/unsubscribe/WyJhIl0.aTBx-" + "x" * 120
LETTER = Letter(
    kind="digest",
    to="ada@example.org",
    sender="netopsy <papers@example.org>",
    message_id="<0123456789abcdef@example.org>",
    date=NOW,
    title="Papers of 2026-11-28",
    base_url="https://papers.example.org",
    return_path="bounce@example.org",
    unsubscribe=LEAVE,
)
IMAGE = r'<img src="[^"]*" alt="(?P<alt>[^"]*)" width="(?P<width>\d+)" height="(?P<height>\d+)"'
INJECTED = "A =?utf-8?q?x=0D=0ABcc=3A_e=40x=2Eorg?="


def paper(number, **changes):
    own = Entry(
        id=f"arxiv:2611.{number:05}",
        title=f"Of nets, № {number}, <b>bold</b> & =20 wide",
        authors=("Ann Author", "Ben Böhm", "C. Chen", "D. D."),
        abstract="It is so. " * 50,
        keywords=(),
        categories=(),
        published=None,
        version=1,
        slug=None,
        day=date(2026, 11, 27),
        votes=number,
        trending=0.0,
        hot=0.0,
    )
    return replace(own, **changes)


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.sources = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name == "href"]
        self.sources += [value for name, value in attrs if name == "src"]


def read(content):
    message = message_from_bytes(content, policy=default)
    return message, message.get_body(("plain",)).get_content(), message.get_body(("html",)).get_content()


def well_formed(content):
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    body = content.split(b"\r\n\r\n", 1)[1]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert content.isascii()


@pytest.mark.parametrize("many", [0, 1, 10])
def test_text_and_html_hold_the_same_links_and_lines_are_as_mail_wants_them(many):
    content = build(replace(LETTER, papers=tuple(map(paper, range(many)))))
    well_formed(content)
    message, text, html = read(content)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert not any(part.defects for part in message.walk())
    links = Links(html)
    assert sorted(set(re.findall(r"https?://\S+", text))) == sorted(set(links.found))
    assert f"{LEAVE}" in links.found
    assert len(set(links.found)) == many + 2
    cids = re.findall(r"cid:([^\"'\s)]+)", html)
    assert sorted(cids) == sorted(str(part["Content-ID"])[1:-1] for part in message.walk() if part["Content-ID"])
    assert links.sources == []  # none of these papers is of the catalogue
    assert ("Nothing is new" in text) == ("Nothing is new" in html) == (many == 0)


def test_a_digest_says_of_each_paper_what_is_known_of_it():
    slug, found = next(iter(load_evidence().items()))
    known = paper(7, slug=slug, votes=1)
    _, text, html = read(build(replace(LETTER, papers=(known, paper(3)), note="A quiet day.")))
    for body in (text, html):
        assert "Ann Author, Ben Böhm, C. Chen and 1 more" in body
        assert "2026-11-27 · 1 vote · claims: " in body
        counts = re.findall(r"(\d+) (holds?|does not hold|do not hold|undecided)\b", body)
        assert sum(int(count) for count, _ in counts) == len(found.verdicts)
        assert all(count == "1" for count, word in counts if word in ("holds", "does not hold"))
        assert all(count != "1" for count, word in counts if word in ("hold", "do not hold"))
        assert "2026-11-27 · 3 votes" in body
        assert "A quiet day." in body
    assert "№ 3, <b>bold</b> & =20 wide" in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; =20 wide" in html
    assert "It is so. It is…" in text
    assert "prefers-color-scheme: dark" in html
    assert 'style="' in html


def test_papers_that_can_be_run_say_where_and_have_a_figure_of_their_evidence_as_long_as_it_is_small():
    slugs = sorted(load_evidence())[:8]
    papers = [paper(number, slug=slug) for number, slug in enumerate(slugs)] + [paper(9, slug="tame")]
    content = build(replace(LETTER, papers=tuple(papers)))
    well_formed(content)
    message, text, html = read(content)
    links = Links(html)
    assert sorted(set(re.findall(r"https?://\S+", text))) == sorted(set(links.found))
    assert [each for each in links.found if each.endswith("/run")] == [
        f"https://papers.example.org/papers/{slug}/run" for slug in slugs
    ]
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "multipart/related"]
    pictures = [part for part in message.walk() if part.get_content_type() == "image/png"]
    assert len(pictures) >= 2
    assert links.sources == [f"cid:{str(part['Content-ID'])[1:-1]}" for part in pictures]
    assert len(set(links.sources)) == len(pictures)
    assert sum(len(part.get_content()) for part in pictures) <= MOST
    for part, (alt, width, height) in zip(pictures, re.findall(IMAGE, html), strict=True):
        with Image.open(io.BytesIO(part.get_content())) as opened:
            assert (str(opened.width), str(opened.height)) == (width, height)
            least, most = opened.convert("RGBA").getextrema()[3]
            assert least == 0 < 200 < most  # lies on a light page as on a dark one
        assert alt.startswith("A figure of what was measured here: ")
    assert not any(part.defects for part in message.walk())
    assert len(html) < 90_000


def test_a_paper_that_was_chosen_for_its_reader_says_why_to_no_other():
    reasons = {"arxiv:2611.00001": 'you follow <b>"Ada"</b>'}
    papers = (paper(1), paper(2))
    _, text, html = read(build(replace(LETTER, papers=papers, reasons=reasons)))
    assert text.count("Chosen because") == html.count("Chosen because") == 1
    assert 'Chosen because you follow <b>"Ada"</b>.' in text
    assert "Chosen because you follow &lt;b&gt;" in html
    assert "Chosen" not in read(build(replace(LETTER, papers=papers)))[1]


def test_a_figure_is_painted_as_it_stands_there_and_what_is_none_is_refused():
    square = '<path id="a" d="M 0 0 L 10 0 L 10 10 L 0 10 z"/>'
    svg = f"""<svg viewBox="0 0 40 20" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
    <defs>{square}<clipPath id="c"><rect x="0" y="0" width="25" height="20"/></clipPath></defs>
    <use xlink:href="#a" style="fill: #ff0000"/>
    <use xlink:href="#a" x="20" y="10" style="fill: #0000ff" clip-path="url(#c)"/>
    <g transform="translate(30 0) scale(0.5)" style="fill: #00ff00">{square}</g></svg>"""
    pixels = painted(svg.encode(), 80)
    assert pixels.shape == (40, 80, 4)
    red, green, blue, nothing = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), None
    expected = {(10, 10): red, (30, 45): blue, (30, 55): nothing, (5, 65): green, (15, 75): nothing, (30, 10): nothing}
    assert {at: tuple(map(int, pixels[at])) if pixels[at][3] else None for at in expected} == expected
    for odd in (
        b"",
        b"<svg/>",
        b"<svg viewBox='0 0 1 9999'/>",
        svg.replace("#a", "#b").encode(),
        svg.replace("M 0", "X 0").encode(),
    ):
        with pytest.raises(InputError):
            painted(odd, 80)


def test_headers_are_those_of_a_list_that_one_click_ends():
    content = build(LETTER)
    message, _, _ = read(content)
    assert message["Message-ID"] == "<0123456789abcdef@example.org>"
    assert message["Date"].datetime == NOW
    assert message["Subject"] == "Papers of 2026-11-28"
    assert message["To"].addresses[0].addr_spec == "ada@example.org"
    assert (message["From"].addresses[0].display_name, message["From"].addresses[0].domain) == (
        "netopsy",
        "example.org",
    )
    assert message["List-Id"] == "<papers.papers.example.org>"
    assert f"\r\nList-Unsubscribe: <{LEAVE}>\r\n".encode() in content
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert build(LETTER) == content


def test_one_click_is_offered_over_https_alone():
    message, text, _ = read(build(replace(LETTER, unsubscribe="http://127.0.0.1:8051/unsubscribe/a")))
    assert message["List-Unsubscribe"] == "<http://127.0.0.1:8051/unsubscribe/a>"
    assert message["List-Unsubscribe-Post"] is None
    assert "http://127.0.0.1:8051/unsubscribe/a" in text


@pytest.mark.parametrize("kind", ["confirm", "sign-in"])
def test_a_letter_with_a_link_shows_it_in_both_bodies(kind):
    link = "https://papers.example.org/confirm/WyJhIl0.aTBx"
    content = build(replace(LETTER, kind=kind, title="Your link", link=link, unsubscribe=""))
    well_formed(content)
    message, text, html = read(content)
    assert link in text.split()
    assert Links(html).found.count(link) == 1
    assert message["List-Unsubscribe"] is message["List-Id"] is None
    with pytest.raises(InputError, match="needs a link"):
        build(replace(LETTER, kind=kind))


def test_a_notice_is_its_title_and_its_note():
    _, text, html = read(build(replace(LETTER, kind="notice", title="Moved", note="The page has moved.")))
    assert "The page has moved." in text
    assert "The page has moved." in html


ODD = [
    INJECTED,
    "A\r\nBcc: e@x.org",
    "A\nBcc: e@x.org",
    "A\r\n\r\n<p>body</p>",
    "A\u2028Bcc: e@x.org",
    "A\x00\x0b\x0c\x1c\x85Bcc: e@x.org",
    "=?utf-8?b?QQ0KQmNjOiBlQHgub3Jn?=",
    "é " + INJECTED,
    "é=?utf-8?q?=0D=0ABcc=3A_e=40x=2Eorg?=" * 5,
    "==??utf-8?q?=0ABcc:_e@x.org?=",
    "=\x00?utf-8?q?=0ABcc:_e@x.org?=",
    "\udc0a\ud800Bcc: e@x.org",
    "雪" * 400,
    "wörd " * 60,
    "a" * 5000,
    ', ; : <e@x.org>, "',
    "",
]


@pytest.mark.parametrize("odd", ODD)
def test_no_title_and_no_name_of_a_sender_writes_a_header(odd):
    plainly = [name for name, _ in read(build(LETTER))[0].items()]
    for letter in (
        replace(LETTER, title=odd),
        replace(LETTER, papers=(paper(1, title=odd or "A", abstract=odd),), note=odd),
    ):
        content = build(letter)
        well_formed(content)
        message, _, _ = read(content)
        assert [name for name, _ in message.items()] == plainly
        assert len(message["To"].addresses) == len(message["From"].addresses) == 1
        again = message_from_bytes(message.as_bytes(), policy=default)
        assert again["Bcc"] is None
    try:
        content = build(replace(LETTER, sender=f"{odd} <papers@example.org>"))
    except InputError:
        return
    message, _, _ = read(content)
    assert [name for name, _ in message.items()] == plainly
    assert [one.addr_spec for one in message["From"].addresses] == ["papers@example.org"]


@pytest.mark.parametrize(
    "change",
    [
        {"to": "a@b.org\r\nBcc: e@x.org"},
        {"to": "a@b.org, e@x.org"},
        {"to": "=?utf-8?q?a?= <a@b.org>"},
        {"to": "ä@b.org"},
        {"to": ""},
        {"sender": "nobody"},
        {"message_id": "<a@b>\r\nBcc: e@x.org"},
        {"message_id": "<=?utf-8?q?a=0D=0ABcc=3A_e=40x=2Eorg?=>"},
        {"unsubscribe": "https://a.example/\r\nBcc: e@x.org"},
        {"unsubscribe": "https://a.example/" + "x" * 1000},
        {"base_url": "https://bücher.example"},
        {"link": 'https://a.example/"><script>'},
    ],
)
def test_what_cannot_stand_in_a_header_is_refused_without_being_repeated(change):
    with pytest.raises(InputError) as caught:
        build(replace(LETTER, **change))
    assert "x.org" not in str(caught.value)
    assert "b.org" not in str(caught.value)
