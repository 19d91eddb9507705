"""What stands around all pages, and how they say that something went wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from netopsy.feed.settings import Settings
from netopsy.web.admission import Admission
from netopsy.web.caching import Caching
from netopsy.web.cookies import Cookies
from netopsy.web.heads import Heads
from netopsy.web.security import PROGRAMS, Security
from netopsy.web.site import Site, site_of
from netopsy.web.visitor import ANYBODY, known_visitor


def walls(site: Site, settings: Settings, now: Callable[[], datetime]) -> list[Middleware]:
    """What a request goes through, the outermost first."""
    admission = [Middleware(Admission, settings=settings, refuse=refuse)] if settings.token_file else []
    return [
        Middleware(Cookies, settings=settings),
        Middleware(Security, settings=settings, refuse=refuse),
        *admission,
        Middleware(Heads),
        Middleware(GZipMiddleware, minimum_size=500, compresslevel=6),
        Middleware(Caching, revision=site.revision, state=site.state_of, now=now),
    ]


def refuse(request: Request, status: int, why: str) -> Response:
    """Say why not: in JSON to programs, on a page to all others."""
    if PROGRAMS.fullmatch(request.url.path):
        return JSONResponse({"error": why}, status_code=status)
    name, visitor = HTTPStatus(status).phrase, known_visitor(request)
    if status >= 500:
        visitor = ANYBODY  # of whom nothing has to be asked of a database that may be away
    return site_of(request).page(request, "error.html", status=status, code=status, name=name, why=why, visitor=visitor)
