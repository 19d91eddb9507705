"""The web application: its pages found by place, one way of saying that something went wrong."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

import netopsy
from netopsy.core.errors import InputError
from netopsy.feed import Feed
from netopsy.feed.accounts import BannedError
from netopsy.feed.calendar import clock
from netopsy.feed.search.index import UnwritableError
from netopsy.feed.settings import Settings
from netopsy.web import pages
from netopsy.web.runs.queue import QuotaError
from netopsy.web.security import LOG
from netopsy.web.site import Site
from netopsy.web.walls import refuse, walls


def _takes_all(router: APIRouter) -> bool:
    """Whether it has an address that takes whatever is left: such routers are asked last."""
    return any(":path}" in getattr(route, "path", "") for route in router.routes)


def create_app(
    feed: Feed, settings: Settings, *, now: Callable[[], datetime] = clock, site: Site | None = None
) -> FastAPI:
    """The pages of that feed.

    Args:
        settings: the base URL is under which host it may be asked for, besides this machine's own names.
        now: the clock.
        site: what pages share, where some are shown already.
    """
    site = site or Site(feed, settings, now)
    app = FastAPI(
        title="netopsy",
        version=netopsy.__version__,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=walls(site, settings, now),
    )
    app.state.site = site
    routers = [
        importlib.import_module(f"{pages.__name__}.{module.name}").router
        for module in pkgutil.iter_modules(pages.__path__)
    ]
    for router in sorted(routers, key=_takes_all):
        app.router.routes.extend(router.routes)  # to include the router would make each of them anew

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        said = {404: "There is nothing at this address.", 405: "This address cannot be asked in that way."}
        plain = error.detail == HTTPStatus(error.status_code).phrase
        answer = refuse(
            request, error.status_code, said.get(error.status_code, error.detail) if plain else error.detail
        )
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(BannedError)
    def _banned(request: Request, error: BannedError) -> Response:
        return refuse(request, 403, f"{error}.")

    @app.exception_handler(QuotaError)
    def _quota(request: Request, error: QuotaError) -> Response:
        return refuse(request, 429, f"{error}.")

    @app.exception_handler(UnwritableError)
    def _unwritable(request: Request, _: UnwritableError) -> Response:
        LOG.error("the index of search cannot be written: `netopsy feed check` tells why")
        return refuse(request, 503, "Search does not work at the moment.")

    @app.exception_handler(InputError)
    def _input(request: Request, error: InputError) -> Response:
        return refuse(request, 400, f"{error}.")

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = ".".join(str(each) for each in first["loc"][1:]) or "the request"
        return refuse(request, 422, f"{name}: {first['msg']}.")

    return app
