"""Search by words and by meaning."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from netopsy.catalogue import ROOMS
from netopsy.core.errors import require
from netopsy.web.site import site_of

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
    hits = site.search(text, MANY) if text else []
    state = site.feed.index.state()
    return site.page(
        request,
        "search.html",
        typed=q,
        text=text,
        room=room,
        runnable=runnable,
        hits=hits,
        unread=state.papers - state.understood if text else 0,
        papers=state.papers,
    )
