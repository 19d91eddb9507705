"""The same lists as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from netopsy.feed import Entry
from netopsy.web.pages.paper import entry_named
from netopsy.web.pages.search import LONGEST, kept
from netopsy.web.refusals import refusals
from netopsy.web.site import site_of

router = APIRouter(prefix="/api/v1", responses=refusals((400, 404, 422, 503)))
Limit = Annotated[int, Query(ge=1, le=500, description="At most this many papers.")]
Day = Annotated[str, Path(description="A date.", json_schema_extra={"format": "date"})]
Week = Annotated[str, Path(description="An ISO week.", json_schema_extra={"pattern": "^[1-9][0-9]{3}-W[0-5][0-9]$"})]
Month = Annotated[str, Path(description="A month.", json_schema_extra={"pattern": "^[1-9][0-9]{3}-[01][0-9]$"})]


@router.get("/today")
def today(request: Request) -> dict[str, Any]:
    """The papers of today, or of the latest day that has any."""
    site = site_of(request)
    day, found = site.feed.today(now=site.now())
    return {"day": day.isoformat()} | _papers(found)


@router.get("/day/{name}")
def day(request: Request, name: Day) -> dict[str, Any]:
    """The papers of a day such as 2026-11-28."""
    site = site_of(request)
    return _papers(site.feed.day(name, now=site.now()))


@router.get("/week/{name}")
def week(request: Request, name: Week) -> dict[str, Any]:
    """The papers of an ISO week such as 2026-W48."""
    site = site_of(request)
    return _papers(site.feed.week(name, now=site.now()))


@router.get("/month/{name}")
def month(request: Request, name: Month) -> dict[str, Any]:
    """The papers of a month such as 2026-11."""
    site = site_of(request)
    return _papers(site.feed.month(name, now=site.now()))


@router.get("/trending")
def trending(request: Request, limit: Limit = 50) -> dict[str, Any]:
    """What is talked about most."""
    site = site_of(request)
    return _papers(site.feed.trending(limit, now=site.now()))


@router.get("/top/{period}")
def top(request: Request, period: Literal["week", "month"], limit: Limit = 50) -> dict[str, Any]:
    """What got the most votes in this week or month."""
    site = site_of(request)
    return _papers(site.feed.top(period, limit, now=site.now()))


@router.get("/search")
def search(
    request: Request,
    response: Response,
    q: Annotated[str, Query(min_length=1, max_length=LONGEST)],
    limit: Limit = 10,
) -> dict[str, Any]:
    """The papers nearest to what is typed, best first; where ``meaning`` is false, words alone were looked at."""
    site = site_of(request)
    found, meaning = site.search(q, limit)
    response.headers.update(kept(site, meaning))
    return {"papers": [hit.to_json() for hit in found], "meaning": meaning}


@router.get("/papers/{name:path}")
def paper(request: Request, name: str) -> dict[str, Any]:
    """The paper of that slug, arXiv number or DOI."""
    return entry_named(site_of(request), name).to_json()


@router.get("/comments/{name:path}")
def comments(request: Request, name: str) -> dict[str, Any]:
    """What readers say of the paper of that slug, arXiv number or DOI."""
    site = site_of(request)
    entry = entry_named(site, name)
    return {"comments": [each.to_json() for each in site.feed.comments(entry.id, now=site.now())]}


@router.get("/evidence")
def evidence(request: Request) -> dict[str, Any]:
    """All recorded evidence by paper."""
    return {slug: found.to_json() for slug, found in site_of(request).shown_evidence().items()}


@router.get("/evidence/{slug}")
def evidence_of(request: Request, slug: str) -> dict[str, Any]:
    """The recorded evidence of a paper."""
    found = site_of(request).shown_evidence().get(slug)
    if found is None:
        raise HTTPException(404, "There is no recorded evidence of this paper.")
    return found.to_json()


def _papers(found: Sequence[Entry]) -> dict[str, Any]:
    return {"papers": [entry.to_json() for entry in found]}
