"""All claims that were re-tested, and what became of them."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from netopsy.web.site import ANSWERS, site_of

router = APIRouter(include_in_schema=False)


@router.get("/evidence")
def evidence(request: Request) -> HTMLResponse:
    """One table a paper."""
    site = site_of(request)
    shown = site.shown_evidence()
    given = Counter(str(verdict["verdict"]) for found in shown.values() for verdict in found.verdicts)
    claims = {claim.id: claim.text for paper in site.papers.values() for claim in paper.claims}
    return site.page(
        request,
        "evidence.html",
        records=[(site.papers[slug], found) for slug, found in shown.items() if slug in site.papers],
        claims=claims,
        totals=[(answer, given[answer]) for answer in ANSWERS],
    )
