"""The two bodies of a letter, text and HTML, ready to be sent; made once for all who get the same."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from email import quoprimime
from functools import cache, lru_cache
from html import escape
from urllib.parse import quote

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined

from netopsy.catalogue import papers as of_catalogue
from netopsy.core.texts import plain
from netopsy.feed.lists import Entry
from netopsy.feed.mail.pictures import LARGEST, MOST, Picture, picture_of
from netopsy.lab.evidence import load_evidence

NAMES = 3
"""Authors of a paper that are named."""
SUMMARY = 200
"""Characters of an abstract: two lines."""
TITLE = 300
BREAK = b"=\r\n"
"""Ends a line of quoted-printable that goes on in the next."""
_MARK = secrets.token_hex(16)
"""Stands where each reader's own link goes."""


@dataclass(frozen=True)
class Shown:
    """A paper as a letter shows it."""

    title: str
    link: str
    authors: str
    summary: str
    facts: str
    """Its day, its votes, how its claims stand."""
    run: str = ""
    """The page that runs it, where it can be run."""
    why: str = ""
    """Why its reader gets it, after "because"; empty where all do."""
    picture: Picture | None = None


@dataclass(frozen=True)
class Content:
    """All that a letter says, but for the link that is its reader's own."""

    kind: str
    title: str
    note: str
    link: str
    base_url: str
    papers: tuple[Shown, ...]
    leaving: bool
    """Whether it has a link that ends these letters."""


def shown(entries: Sequence[Entry], base_url: str, reasons: Mapping[str, str] | None = None) -> tuple[Shown, ...]:
    """What a letter shows of its papers; pictures of the first of them, as many as it may hold.

    Args:
        reasons: why its reader gets a paper, after "because", by the paper's key.
    """
    found, left = [], MOST
    for one in entries:
        why = reasons.get(one.id, "") if reasons else ""
        told = (one.id, one.title, one.authors, one.abstract, one.day, one.votes, one.slug)
        made = _shown(*told, base_url, why, left >= LARGEST)
        left -= made.picture.size if made.picture is not None else 0
        found.append(made)
    return tuple(found)


@lru_cache(maxsize=512)
def _shown(
    name: str,
    title: str,
    authors: tuple[str, ...],
    abstract: str,
    day: date | None,
    votes: int,
    slug: str | None,
    base_url: str,
    why: str,
    pictured: bool,
) -> Shown:
    """Made once for all letters that a paper is in."""
    names = [_cut(each, 60) for each in authors[:NAMES]]
    more = len(authors) - len(names)
    facts = [] if day is None else [day.isoformat()]
    facts += [f"{votes} {'vote' if votes == 1 else 'votes'}"] if votes else []
    ready = slug is not None and slug in _catalogued()
    if slug is not None and ready:
        facts += _catalogued()[slug]
    return Shown(
        title=_cut(title, TITLE),
        link=f"{base_url}/papers/{quote(name, safe=':/')}",
        authors=", ".join(names) + (f" and {more} more" if more > 0 else ""),
        summary=_cut(abstract, SUMMARY),
        facts=" · ".join(facts),
        run=f"{base_url}/papers/{slug}/run" if ready else "",
        why=_cut(why, SUMMARY),
        picture=picture_of(slug) if slug is not None and ready and pictured else None,
    )


def bodies(content: Content, leave: str) -> tuple[bytes, bytes]:
    """The text and the HTML as quoted-printable with that link of the reader's own in them."""
    text, html = _blocks(content)
    return _with_link(text, leave), _with_link(html, escape(leave))


def _cut(text: str, most: int) -> str:
    """One line of whole words; a first word that is longer is cut."""
    line = " ".join(plain(text).split())
    if len(line) <= most:
        return line
    head = line[: most - 1]
    whole = head.rsplit(" ", 1)[0] if " " in head else head
    return f"{whole.rstrip('.,;:')}…"


@cache
def _catalogued() -> Mapping[str, Sequence[str]]:
    counted = {
        slug: ", ".join(
            f"{count} {_VERDICTS[name][count > 1]}" for name, count in sorted(_count(found.verdicts).items())
        )
        for slug, found in load_evidence().items()
    }
    return {
        paper.slug: [f"claims: {counted[paper.slug]}"] if counted.get(paper.slug) else []
        for paper in of_catalogue()
        if paper.status == "ready"
    }


_VERDICTS = {
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "undecided": ("undecided", "undecided"),
}
"""Of one claim and of several."""


def _count(verdicts: Sequence[Mapping[str, object]]) -> Counter[str]:
    return Counter(str(each["verdict"]) for each in verdicts)


@lru_cache(maxsize=32)
def _blocks(content: Content) -> tuple[list[bytes], list[bytes]]:
    """Text and HTML, cut where the link goes."""
    kind = content.kind if content.kind in ("digest", "notice") else "link"
    values = {"letter": content, "leave": _MARK}
    text = _templates().get_template(f"{kind}.txt").render(values)
    html = _inliner().inline(_templates().get_template(f"{kind}.html").render(values))
    html = html.replace(f'"{_MARK}"', f'\n"{_MARK}"\n')  # begins a line, which is short then
    return ([_quoted(each) for each in text.split(_MARK)], [_quoted(each) for each in html.split(_MARK)])


def _with_link(blocks: Sequence[bytes], link: str) -> bytes:
    return (BREAK + _quoted(link) + BREAK).join(blocks) if len(blocks) > 1 else blocks[0]


def _quoted(text: str) -> bytes:
    return quoprimime.body_encode(text.encode().decode("latin-1"), eol="\r\n").encode()


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("netopsy.feed.mail"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
