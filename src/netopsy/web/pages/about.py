"""How lists are ordered, where papers come from, what is kept of visitors; the pages' files; whether all is well."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from netopsy.feed.ranking import GRAVITY, HALF_LIFE
from netopsy.web.caching import NEVER
from netopsy.web.site import site_of, static_file

router = APIRouter(include_in_schema=False)


@router.get("/about")
def about(request: Request) -> HTMLResponse:
    """The formulas, the sources, and privacy."""
    site = site_of(request)
    return site.page(
        request, "about.html", sources=site.feed.sources(), zone=site.feed.zone, half_life=HALF_LIFE, gravity=GRAVITY
    )


router.get("/static/{name}")(static_file)


@router.get("/healthz")
def healthz(request: Request) -> Response:
    """Whether the database answers."""
    with site_of(request).feed.engine.connect() as connection:
        connection.scalar(select(1))
    return Response("ok\n", media_type="text/plain", headers={"Cache-Control": NEVER})
