"""The page that is asked for first, and its files, are answered before all others are loaded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from netopsy.feed import Feed
from netopsy.feed.calendar import clock
from netopsy.feed.settings import Settings
from netopsy.web.days import today
from netopsy.web.site import Site, static_file
from netopsy.web.walls import walls


class Early:
    """All pages of a feed; what they need beyond the first is loaded after it, or when another is asked for.

    That takes longer than everything before it: each of their addresses has its description for programs.
    """

    def __init__(self, feed: Feed, settings: Settings, *, now: Callable[[], datetime] = clock) -> None:
        self.feed, self.settings, self.now = feed, settings, now
        self.site = Site(feed, settings, now)
        routes = [Route("/", today), Route("/static/{name}", static_file)]
        self._first = Starlette(routes=routes, middleware=walls(self.site, settings, now))
        self._first.state.site = self.site
        self._all: ASGIApp | None = None
        self._loading = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._all is not None:
            await self._all(scope, receive, send)
        elif scope["method"] in ("GET", "HEAD") and (scope["path"] == "/" or scope["path"] in self.site.files):
            await self._first(scope, receive, send)
            if not self._loading.locked():
                threading.Thread(target=self._whole, name="pages", daemon=True).start()
        else:
            whole = await run_in_threadpool(self._whole)
            await whole(scope, receive, send)

    def _whole(self) -> ASGIApp:
        with self._loading:
            if self._all is None:
                from netopsy.web.app import create_app

                self._all = create_app(self.feed, self.settings, now=self.now, site=self.site)
            return self._all
