"""Any list and any search as RSS, Atom or JSON Feed."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from netopsy.core.errors import require
from netopsy.feed.syndication import Channel, write
from netopsy.web.pages.search import LONGEST, kept
from netopsy.web.site import site_of

router = APIRouter(include_in_schema=False)
KINDS = {
    "rss": ("rss", "application/rss+xml"),
    "atom": ("atom", "application/atom+xml"),
    "json": ("json-feed", "application/feed+json"),
}
RANKED = {"today": "/", "trending": "/trending", "top-week": "/top/week", "top-month": "/top/month"}
_DAYS = {"day": r"\d{4}-\d\d-\d\d", "week": r"\d{4}-W\d\d", "month": r"\d{4}-\d\d"}
MANY = 100


@router.get("/feeds/{name}.{kind}")
def feed(request: Request, name: str, kind: Literal["rss", "atom", "json"], q: str = "") -> Response:
    """A list for feed readers."""
    site = site_of(request)
    what, page = _wanted(name, q)
    meaning = True
    if name == "search":
        hits, meaning = site.search(q, MANY)
        title, found = f"Papers about {q}", [hit.entry for hit in hits]
    else:
        title, found = site.feed.listed(what, MANY, now=site.now())
    base = site.settings.base_url
    asked = f"?q={quote(q)}" if name == "search" else ""
    channel = Channel(title, link=base + page, own=f"{base}/feeds/{name}.{kind}{asked}")
    form, media = KINDS[kind]
    text = write(form, found, channel, site.now())
    return Response(text, media_type=f"{media}; charset=utf-8", headers=kept(site, meaning))


def _wanted(name: str, q: str) -> tuple[str, str]:
    if name == "search":
        require(len(q.strip()) > 0 and len(q) <= LONGEST, f"a feed of a search needs ?q= of 1 to {LONGEST} letters")
        return q, f"/search?q={quote(q)}"
    if name in RANKED:
        return name.replace("-", " "), RANKED[name]
    for place, pattern in _DAYS.items():
        if re.fullmatch(pattern, name, re.ASCII):
            return name, f"/{place}/{name}"
    raise HTTPException(404)
