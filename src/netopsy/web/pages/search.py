"""Search by words and by meaning."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from netopsy.catalogue import ROOMS
from netopsy.core.errors import require
from netopsy.web.caching import NEVER
from netopsy.web.site import Site, site_of

router = APIRouter(include_in_schema=False)
MANY = 30
LONGEST = 300


@router.get("/search")
def search(request: Request, q: str = "", room: str = "", runnable: bool = False) -> HTMLResponse:
    """The form, and what is found."""
    site = site_of(request)
    require(len(q) <= LONGEST, f"a search has at most {LONGEST} letters, got {len(q):,}")
    require(not room or room in ROOMS, "a room is one of those of the form")
    text = " ".join([*q.split(), *([f"room:{room}"] if room else []), *(["runnable:"] if runnable else [])])
    hits, meaning = site.search(text, MANY) if text else ([], True)
    state = site.feed.index.state()
    page = site.page(
        request,
        "search.html",
        typed=q,
        text=text,
        room=room,
        runnable=runnable,
        hits=hits,
        soon=not meaning and site.reading.awaited(),
        unread=state.papers - state.understood if text else 0,
        papers=state.papers,
    )
    page.headers.update(kept(site, meaning))
    return page


def kept(site: Site, meaning: bool) -> dict[str, str]:
    """How long an answer is kept: not where meaning comes soon, which would find more."""
    return {"Cache-Control": NEVER} if not meaning and site.reading.awaited() else {}
