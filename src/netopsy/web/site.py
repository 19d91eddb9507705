"""What all pages share: the feed, the committed evidence, the templates and the files beside them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import func, select
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

import netopsy
from netopsy.catalogue import ROOMS, Paper, papers
from netopsy.feed import Entry, Feed, schema, shelf, votes
from netopsy.feed.calendar import day_of, zone_named
from netopsy.feed.feed import Hit
from netopsy.feed.markdown import seen
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings, listed_addresses
from netopsy.feed.subscriptions import hash_of
from netopsy.feed.traces import CHANGES
from netopsy.lab.evidence import Evidence, load_evidence
from netopsy.lab.verdict_table import measured, part_rows
from netopsy.studies import available, recipes
from netopsy.web.caching import FOR_EVER
from netopsy.web.readable import readable
from netopsy.web.reading import Reading
from netopsy.web.visitor import ANYBODY, Visitor, here, visitor_of

HERE = Path(__file__).parent
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
ANSWERS = ("holds", "undecided", "does not hold")


CARDS = 2_000
"""Papers in lists that are kept as they were made."""


class Shown(NamedTuple):
    """What of a paper stands in a list."""

    id: str
    title: str
    authors: tuple[str, ...]
    abstract: str
    categories: tuple[str, ...]
    votes: int
    slug: str | None


@dataclass(frozen=True)
class Static:
    """A file beside the templates, under an address that changes with it."""

    content: bytes
    kind: str


class Site:
    """Made once for an application; `site_of` finds it."""

    def __init__(self, feed: Feed, settings: Settings, now: Callable[[], datetime]) -> None:
        self.feed, self.settings, self.now = feed, settings, now
        self.zone = zone_named(feed.zone)
        self.papers: Mapping[str, Paper] = {paper.slug: paper for paper in papers()}
        self.evidence: Mapping[str, Evidence] = load_evidence()
        self.static, self._addresses = _static_files()
        self.files = frozenset(self._addresses.values())
        """Their addresses."""
        self.version = self._version()
        self.runnable = frozenset({*recipes(), *available()})
        self.streams: Counter[str] = Counter()
        """Of each visitor how many are open."""
        self.reading = Reading(feed.index)
        self._revised: tuple[object, str] = None, ""
        """What was seen of the database, the index and the day when the site had that revision."""
        self.closing = threading.Event()
        self._searching = threading.Lock()
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            finalize=_steady,
        )
        self._environment.filters |= {"readable": readable, "written": written, "segment": segment}
        self._environment.globals |= {
            "static": self._addresses.__getitem__,
            "counts": self.counts,
            "address": address_of,
            "part_rows": part_rows,
            "measured": measured,
            "rooms": ROOMS,
            "can_run": self.runnable,
            "answers": ANSWERS,
            "version": netopsy.__version__,
            "card_for_anybody": self._card,
        }
        self._cards = lru_cache(maxsize=CARDS)(self._made_card)

    @cached_property
    def secret(self) -> Secret:
        """The keys of links, made at the first use."""
        return self.settings.secret()

    @cached_property
    def moderators(self) -> frozenset[str]:
        """Under what the addresses of moderators are known."""
        return frozenset(hash_of(self.secret, each) for each in listed_addresses(self.settings.moderators))

    def page(self, request: Request, template: str, *, status: int = 200, **names: Any) -> HTMLResponse:
        """A page made from a template; it is handed who asks (`visitor`), and where to come back to (`here`)."""
        names = {"typed": "", "feeds": None, "path": request.url.path, "here": here(request)} | names
        if "visitor" not in names:
            names["visitor"] = visitor_of(request)
        names["mine"] = self._mine(names["visitor"])
        text = self._environment.get_template(template).render(names)
        return HTMLResponse(text, status_code=status)

    def _card(self, entry: Entry, level: int, passage: str) -> Markup:
        """A paper in a list as it is for whoever has no account, made once."""
        return self._cards(Shown(*(getattr(entry, name) for name in Shown._fields)), level, passage)

    def _made_card(self, entry: Shown, level: int, passage: str) -> Markup:
        module: Any = self._environment.get_template("cards.html").make_module({"visitor": ANYBODY})
        return Markup(module.made_card(entry, level, passage))

    def _mine(self, visitor: Visitor) -> dict[str, set[str]]:
        """For which papers the visitor voted, and which are kept."""
        if visitor.account is None:
            return {"voted": set(), "kept": set()}
        with self.feed.engine.connect() as connection:
            return {"voted": votes.own(connection, visitor.account), "kept": shelf.papers(connection, visitor.account)}

    def today(self) -> date:
        """The date in the zone of the feed."""
        return day_of(self.now(), self.zone)

    def counts(self, slug: str | None) -> list[tuple[str, int]]:
        """How many claims of a paper got which answer."""
        found = self.evidence.get(slug or "")
        given = Counter(str(verdict["verdict"]) for verdict in found.verdicts) if found else Counter()
        return [(answer, given[answer]) for answer in ANSWERS if given[answer]]

    def hidden(self) -> frozenset[str]:
        """The slugs of papers that a moderator hid."""
        paper = schema.paper.c
        with self.feed.engine.connect() as connection:
            found = connection.scalars(select(paper.slug).where(paper.hidden.is_(True), paper.slug.is_not(None)))
            return frozenset(found)

    def shown_evidence(self) -> dict[str, Evidence]:
        """The recorded evidence of all papers that no moderator hid."""
        hidden = self.hidden()
        return {slug: found for slug, found in self.evidence.items() if slug not in hidden}

    def revision(self) -> str:
        """Changes whenever a page would: with papers, votes, sources, the index, the day and the templates."""
        seen = self.feed.writes.seen(), self.feed.index.state(), self.today()
        known, revision = self._revised
        if seen != known or seen[0] is None:
            revision = self._revision()
            self._revised = seen, revision
        return revision

    def _revision(self) -> str:
        setting, vote, state = schema.setting.c, schema.vote.c, schema.source_state.c
        with self.feed.engine.connect() as connection:
            counted = select(setting.name, setting.value).where(setting.name.in_(("seq", CHANGES)))
            found: list[Any] = list(map(tuple, connection.execute(counted.order_by(setting.name))))
            found += connection.execute(
                select(func.count(), func.count(vote.at).filter(vote.counted), func.max(vote.at))
            ).one()
            found += map(tuple, connection.execute(select(state.source, state.last_answer, state.trouble)))
        found += [self.feed.index.state(), self.today(), self.version]
        return hashlib.blake2b(repr(found).encode(), digest_size=12).hexdigest()

    def state_of(self, request: Request) -> str:
        """What of a page depends on who asks: empty for anybody, otherwise it changes with what the account keeps."""
        visitor, shelf = visitor_of(request), schema.shelf.c
        if visitor.account is None:
            return ""
        kept = select(func.count(), func.max(shelf.changed)).where(shelf.account == visitor.account)
        with self.feed.engine.connect() as connection:
            found = [visitor, *connection.execute(kept).one()]
        return hashlib.blake2b(repr(found).encode(), digest_size=12).hexdigest()

    def search(self, text: str, limit: int) -> tuple[list[Hit], bool]:
        """What the feed finds, and whether meaning was asked or words alone; nobody waits for the encoder or the index.

        One search at a time, because it may follow the papers by their words.
        """
        meaning = self.reading.ready()
        with self._searching:
            return self.feed.search(text, limit, now=self.now(), follow=False, meaning=meaning), meaning

    def similar(self, entry: Entry, limit: int = 5) -> list[Entry]:
        """The papers nearest to one in meaning; none while the index has not come so far."""
        with self._searching:
            return self.feed.similar(entry.id, limit, now=self.now())

    def _version(self) -> str:
        files = sorted(each for folder in ("templates", "static") for each in (HERE / folder).iterdir())
        told = [netopsy.__version__, *(each.read_text(encoding="utf-8") for each in files)]
        told += [json.dumps(found.to_json(), sort_keys=True, default=str) for found in self.evidence.values()]
        return hashlib.blake2b("\0".join(told).encode(), digest_size=8).hexdigest()


def _steady(value: Any) -> Any:
    """What a template puts in, without what would turn the direction of what follows; markup was made of such parts."""
    if not isinstance(value, str) or isinstance(value, Markup) or (value.isascii() and value.isprintable()):
        return value
    return seen(value)


def site_of(request: Request) -> Site:
    """What the application of this request was made with."""
    found: Site = request.app.state.site
    return found


def static_file(request: Request) -> Response:
    """A file beside the templates, by the ``name`` in the address."""
    found = site_of(request).static.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    return Response(found.content, media_type=found.kind, headers={"Cache-Control": FOR_EVER})


def written(day: date) -> str:
    """A day as people write it.

    >>> written(date(2025, 3, 14))
    'Friday, 14 March 2025'
    """
    return f"{day:%A}, {day.day} {day:%B} {day.year}"


def segment(text: str) -> str:
    """Text as one part of an address."""
    return quote(text, safe=":")


def address_of(entry: Entry | Shown) -> str:
    """Where the page of a paper is: by its slug, its arXiv number, or its key."""
    kind, _, value = entry.id.partition(":")
    if kind == "arxiv":
        return "/papers/" + quote(entry.slug or value)
    return "/papers/" + quote(entry.id, safe=":")  # a browser would take dots between slashes out of a DOI


def _static_files() -> tuple[dict[str, Static], dict[str, str]]:
    files: dict[str, Static] = {}
    addresses: dict[str, str] = {}
    found: Sequence[Path] = sorted((HERE / "static").iterdir())
    for each in found:
        content = each.read_bytes()
        name = f"{each.stem}.{hashlib.blake2b(content, digest_size=6).hexdigest()}{each.suffix}"
        files[name] = Static(content, TYPES[each.suffix])
        addresses[each.name] = f"/static/{name}"
    return files, addresses
