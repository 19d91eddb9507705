"""Pages that did not change are not made again: an ETag, and 304 to whoever has it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PUBLIC = "max-age=30, stale-while-revalidate=60, stale-if-error=86400"
FOR_EVER = "public, max-age=31536000, immutable"
PRIVATE = "private, no-cache"
NEVER = "no-store"
UNCACHED = (
    *("/static/", "/healthz", "/subscribe", "/confirm/", "/unsubscribe/", "/sign-in", "/settings"),
    *("/submit", "/comments", "/moderation", "/runs/", "/examine"),
)
"""Beginnings of addresses that say themselves how they are kept."""


IMPERSONAL = ("/api/", "/feeds/", "/figures/")
"""Beginnings of addresses whose answers are the same for everybody."""


class Caching:
    """Knows from the revision of the site, without making a page, whether it is still the one that a visitor has."""

    def __init__(
        self,
        app: ASGIApp,
        revision: Callable[[], str],
        state: Callable[[Request], str],
        now: Callable[[], datetime],
    ) -> None:
        self.app, self.revision, self.state, self.now = app, revision, state, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        fixed = scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["path"].startswith(UNCACHED)
        if fixed:
            await self.app(scope, receive, send)
            return
        path, state = scope["path"], ""
        if not path.startswith(IMPERSONAL):
            state = await run_in_threadpool(self.state, Request(scope))
        tag = f'W/"{await run_in_threadpool(self.revision)}{self._minute(path)}{state}"'
        kept = {"ETag": tag, "Cache-Control": PRIVATE if state else PUBLIC}
        known = Headers(scope=scope).get("if-none-match", "")
        if tag in (each.strip() for each in known.split(",")):
            await Response(status_code=304, headers=kept | {"Vary": "Cookie"})(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in kept.items() if message["status"] == 200 else [("Cache-Control", NEVER)]:
                    headers[name] = value
                headers.add_vary_header("Cookie")
            await send(message)

        await self.app(scope, receive, sending)

    def _minute(self, path: str) -> str:
        """The interface tells how much is talked about a paper, which falls by the minute."""
        return f"-{self.now():%H%M}" if path.startswith("/api/") else ""
