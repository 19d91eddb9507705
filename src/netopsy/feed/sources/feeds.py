"""Feeds of others, as a list of subscriptions (OPML) names them: papers out of RSS 2.0, RSS 1.0 and Atom."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

from netopsy.core.errors import InputError, require
from netopsy.core.paths import file_from
from netopsy.core.texts import plain, shortened
from netopsy.feed.fetching import Answer, Endpoint, SourceError
from netopsy.feed.identifiers import parse
from netopsy.feed.records import Record, date_of, record
from netopsy.feed.sources import arxiv
from netopsy.feed.sources.files import opened

LARGEST = 16 << 20
"""Bytes of a list, unpacked."""
MOST = 500
"""Feeds in a list."""
GAP = 1.0
"""Seconds between two questions to one host."""
_TAG = re.compile(r"<[^<>]*>")
_IN_BRACKETS = re.compile(r"\(([^()]*)\)\s*$")

Bad = Callable[[str, str], object]


@dataclass(frozen=True)
class Listed:
    """A feed as a list names it; its address may hold a token of its reader's, and is not shown."""

    number: int
    title: str
    address: str

    @property
    def where(self) -> str:
        """Which one it is."""
        return f"feed {self.number}{f' ({self.title})' if self.title else ''}"

    @property
    def endpoint(self) -> Endpoint:
        """Where it is asked, with the distance that its host wants."""
        host = (urlsplit(self.address).hostname or "").casefold()
        if host == "arxiv.org" or host.endswith(".arxiv.org"):
            return Endpoint(self.address, gap=arxiv.GAP, shared=arxiv.NAME)
        return Endpoint(self.address, gap=GAP, shared=f"feeds of {host}")


def listed(path: str | Path, bad: Bad) -> list[Listed] | None:
    """The feeds that a file lists, each address once; ``None`` where it is no OPML by its name and its start.

    Args:
        bad: is told which feeds have an address that is none.

    Raises:
        InputError: no such file, one that should be OPML and is not, or one of too many feeds.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    place = file_from(path, "file of papers")
    with opened(place) as file:
        start = file.read(512)
        named = Path(place.name.removesuffix(".gz")).suffix.casefold() == ".opml"
        if not named and b"<opml" not in start:
            return None
        content = start + file.read(LARGEST + 1 - len(start))
    require(len(content) <= LARGEST, f"{place.name} is larger than {LARGEST >> 20} MB")
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise InputError(f"{place.name} is not OPML: {error}") from None
    require(_local(root) == "opml", f"{place.name} is not OPML: it begins with {_local(root)[:40]}")
    found = list(_outlines(root, bad))
    require(len(found) <= MOST, f"{place.name} must list at most {MOST} feeds, and lists {len(found):,}")
    return found


def _outlines(root: Element, bad: Bad) -> Iterator[Listed]:
    seen: set[str] = set()
    feeds = [one for one in root.iter("outline") if (one.get("xmlUrl") or "").strip()]
    for number, one in enumerate(feeds, 1):
        title = shortened(" ".join(plain(one.get("title") or one.get("text") or "").split()))
        feed = Listed(number, title, (one.get("xmlUrl") or "").strip())
        try:
            fine = bool(urlsplit(feed.address).hostname)
        except ValueError:
            fine = False
        if not fine:
            bad(feed.where, "its address is none")
        elif feed.address not in seen:
            seen.add(feed.address)
            yield feed


def papers(feed: Listed, answer: Answer, now: datetime, bad: Bad) -> Iterator[Record]:
    """The papers of a feed, each listed on the day that the feed gives it.

    Raises:
        SourceError: the answer is no feed.
    """
    root = answer.xml()
    if _local(root) not in ("rss", "feed", "RDF"):
        raise SourceError("the answer is no feed")
    entries = [one for one in root.iter() if _local(one) in ("item", "entry")]
    for number, one in enumerate(entries, 1):
        try:
            yield _of(one, feed, now)
        except InputError as error:
            bad(f"{feed.where}, entry {number}", str(error))


def _of(entry: Element, feed: Listed, now: datetime) -> Record:
    published = _day(entry, ("published", "pubDate", "date", "updated"))
    return record(
        f"feed {urlsplit(feed.address).hostname}"[:40],
        title=_text(entry, ("title",)),
        names=_names(entry),
        authors=_people(entry),
        abstract=arxiv.PREFACE.sub("", _text(entry, ("summary", "description", "encoded", "content"))),
        categories=[word for one in _all(entry, "category") if (word := one.get("term") or one.text)],
        published=published,
        day=None if published is None else min(published, now.date()),
    )


def _names(entry: Element) -> list[str]:
    """Whatever names a paper among its links and marks, each once."""
    links = [one.get("href") or one.text or "" for one in _all(entry, "link")]
    marks = [one.text or "" for name in ("id", "guid", "identifier", "doi") for one in _all(entry, name)]
    texts = [each.strip().removeprefix("oai:arXiv.org:") for each in (*marks, *links)]
    return list(dict.fromkeys(each for each in texts if parse(each) is not None))


def _people(entry: Element) -> list[str]:
    """Names alone: RSS gives authors by their mail addresses."""
    named = [name.text or "" for one in _all(entry, "author") for name in _all(one, "name")]
    creators = [each for one in _all(entry, "creator") for each in (one.text or "").split(",")]
    bracketed = [found[1] for one in _all(entry, "author") if (found := _IN_BRACKETS.search(one.text or ""))]
    return [_words(each) for each in named or creators or bracketed if "@" not in each]


def _day(entry: Element, names: tuple[str, ...]) -> date | None:
    for text in (one.text or "" for name in names for one in _all(entry, name)):
        found = date_of(text.strip())
        if found is not None:
            return found
        try:
            return parsedate_to_datetime(text).date()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _text(entry: Element, names: tuple[str, ...]) -> str:
    for one in (one for name in names for one in _all(entry, name)):
        text = _words("".join(one.itertext()))
        if text:
            return text
    return ""


def _words(text: str) -> str:
    """Without markup, which may have been written as text."""
    return " ".join(unescape(_TAG.sub(" ", unescape(text) if "<" not in text else text)).split())


def _all(entry: Element, name: str) -> Iterator[Element]:
    return (one for one in entry if _local(one) == name)


def _local(one: Element) -> str:
    return str(one.tag).rpartition("}")[2]
