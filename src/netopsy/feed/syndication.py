"""Lists for other programs: RSS 2.0, Atom, JSON Feed, JSON, CSV, BibTeX and RIS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from xml.etree import ElementTree

from netopsy.catalogue.tex import tex
from netopsy.core.errors import lookup
from netopsy.core.texts import table_text
from netopsy.feed.calendar import aware
from netopsy.feed.lists import Entry

ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Channel:
    """What a list is called, and where it is."""

    title: str
    link: str = ""
    """Of the page that shows it."""
    own: str = ""
    """Of the feed itself."""
    description: str = "Papers"


def write(kind: str, entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    """The list in one of `FORMATS`.

    Raises:
        InputError: another format, or a naive ``now``.
    """
    return lookup("format", kind, FORMATS)(entries, channel, aware(now))


def _rss(entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    ElementTree.register_namespace("atom", ATOM)
    root = ElementTree.Element("rss", version="2.0")
    inner = ElementTree.SubElement(root, "channel")
    _add(inner, "title", channel.title)
    _add(inner, "link", channel.link or "https://arxiv.org")
    _add(inner, "description", channel.description)
    _add(inner, "lastBuildDate", format_datetime(_latest(entries, now)))
    if channel.own:
        own = {"href": channel.own, "rel": "self", "type": "application/rss+xml"}
        ElementTree.SubElement(inner, f"{{{ATOM}}}link", own)
    for entry in entries:
        item = ElementTree.SubElement(inner, "item")
        _add(item, "title", entry.title)
        if entry.url:
            _add(item, "link", entry.url)
        _add(item, "guid", entry.id).set("isPermaLink", "false")
        _add(item, "description", entry.abstract)
        _add(item, "pubDate", format_datetime(_moment(entry.day or entry.published, now)))
        for each in entry.categories:
            _add(item, "category", each)
    return _text(root)


def _atom(entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(_in_atom("feed"))
    _add(root, _in_atom("title"), channel.title)
    _add(root, _in_atom("id"), channel.own or f"urn:netopsy:{channel.title}".replace(" ", "-"))
    _add(root, _in_atom("updated"), _latest(entries, now).isoformat())
    author = ElementTree.SubElement(root, _in_atom("author"))
    _add(author, _in_atom("name"), "netopsy")
    for relation, address in (("self", channel.own), ("alternate", channel.link)):
        if address:
            ElementTree.SubElement(root, _in_atom("link"), {"rel": relation, "href": address})
    for entry in entries:
        item = ElementTree.SubElement(root, _in_atom("entry"))
        _add(item, _in_atom("title"), entry.title)
        _add(item, _in_atom("id"), f"urn:netopsy:{entry.id}")
        moment = _moment(entry.day or entry.published, now).isoformat()
        _add(item, _in_atom("updated"), moment)
        _add(item, _in_atom("published"), moment)
        if entry.url:
            ElementTree.SubElement(item, _in_atom("link"), {"rel": "alternate", "href": entry.url})
        for person in entry.authors:
            _add(ElementTree.SubElement(item, _in_atom("author")), _in_atom("name"), person)
        for each in entry.categories:
            ElementTree.SubElement(item, _in_atom("category"), {"term": _clean(each)})
        _add(item, _in_atom("summary"), entry.abstract)
    return _text(root)


def _json_feed(entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    found = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.title,
        "description": channel.description,
        **({"home_page_url": channel.link} if channel.link else {}),
        **({"feed_url": channel.own} if channel.own else {}),
        "items": [
            {
                "id": entry.id,
                **({"url": entry.url} if entry.url else {}),
                "title": entry.title,
                "content_text": entry.abstract or entry.title,
                "date_published": _moment(entry.day or entry.published, now).isoformat(),
                "authors": [{"name": person} for person in entry.authors],
                "tags": list(entry.categories),
            }
            for entry in entries
        ],
    }
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def _json(entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    return json.dumps([entry.to_json() for entry in entries], ensure_ascii=False, indent=2) + "\n"


def _csv(entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    columns = ("id", "day", "title", "authors", "categories", "votes", "url", "abstract")
    rows = [
        (
            one.id,
            one.day or "",
            one.title,
            "; ".join(one.authors),
            " ".join(one.categories),
            one.votes,
            one.url,
            one.abstract,
        )
        for one in entries
    ]
    return table_text([columns, *rows])


def _bibtex(entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    keys: dict[str, int] = {}
    made = []
    for entry in entries:
        key = entry.slug or re.sub(r"[^\w.-]+", "-", entry.id.partition(":")[2])[:60]
        keys[key] = keys.get(key, 0) + 1
        made.append(_bibtex_entry(entry, key if keys[key] == 1 else f"{key}:{keys[key]}"))
    return "\n".join(made)


def _bibtex_entry(entry: Entry, key: str) -> str:
    kind, _, value = entry.id.partition(":")
    fields = {"title": f"{{{tex(entry.title)}}}", "author": " and ".join(map(_tex_name, entry.authors))}
    if entry.published is not None:
        fields["year"] = str(entry.published.year)
    if kind == "arxiv":
        fields |= {"eprint": value, "archivePrefix": "arXiv"}
    elif kind == "doi":
        fields["doi"] = tex(value)
    if entry.url:
        fields["url"] = entry.url
    lines = [f"  {name} = {{{text}}}," for name, text in fields.items() if text]
    return "\n".join((f"@misc{{{key},", *lines, "}", ""))


def _ris(entries: Sequence[Entry], channel: Channel, now: datetime) -> str:
    records = []
    for entry in entries:
        kind, _, value = entry.id.partition(":")
        lines = [("TY", "GEN"), ("TI", entry.title), *(("AU", person) for person in entry.authors)]
        if entry.published is not None:
            lines.append(("PY", str(entry.published.year)))
        if kind == "doi":
            lines.append(("DO", value))
        if entry.url:
            lines.append(("UR", entry.url))
        lines += [("AB", entry.abstract)] if entry.abstract else []
        records.append("\n".join(f"{tag}  - {text}" for tag, text in [*lines, ("ER", "")]))
    return "\n\n".join(records) + "\n"


Writer = Callable[[Sequence[Entry], Channel, datetime], str]
FORMATS: Mapping[str, Writer] = {
    "rss": _rss,
    "atom": _atom,
    "json-feed": _json_feed,
    "json": _json,
    "csv": _csv,
    "bibtex": _bibtex,
    "ris": _ris,
}


def _add(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name)
    child.text = _clean(text)
    return child


def _in_atom(name: str) -> str:
    return f"{{{ATOM}}}{name}"


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold: most control characters, lone surrogates."""
    return _NOT_XML.sub("", text)


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _moment(day: date | None, now: datetime) -> datetime:
    return now if day is None else datetime.combine(day, time(), UTC)


def _latest(entries: Sequence[Entry], now: datetime) -> datetime:
    days = [entry.day for entry in entries if entry.day is not None]
    return _moment(max(days, default=None), now)


def _tex_name(name: str) -> str:
    return f"{{{tex(name)}}}" if "," in name or " and " in name else tex(name)
