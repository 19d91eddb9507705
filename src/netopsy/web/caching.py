"""Pages that did not change are not made again: an ETag, 304 to whoever has it, and the finished page to others."""

from __future__ import annotations

import threading
from collections import OrderedDict
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
    *("/submit", "/comments", "/moderation", "/runs/", "/examine", "/api/v1/runs"),
)
"""Beginnings of addresses that say themselves how they are kept."""


IMPERSONAL = ("/api/", "/feeds/", "/figures/")
"""Beginnings of addresses whose answers are the same for everybody."""


class Finished:
    """Pages as they were sent, those asked for last; safe to use from several threads."""

    MOST = 16_000_000
    """Bytes of all of them."""
    LARGEST = 500_000
    """Bytes of one that is kept."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, ...], tuple[list[tuple[bytes, bytes]], bytes]] = OrderedDict()
        self._bytes, self._lock = 0, threading.Lock()

    def get(self, key: tuple[str, ...]) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        """The headers and the body under a key."""
        with self._lock:
            if key in self._pages:
                self._pages.move_to_end(key)
            return self._pages.get(key)

    def put(self, key: tuple[str, ...], headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Keep one, and let go of those that were not asked for the longest."""
        if len(body) > self.LARGEST:
            return
        with self._lock:
            if key not in self._pages:
                self._pages[key] = headers, body
                self._bytes += len(body)
            while self._bytes > self.MOST:
                self._bytes -= len(self._pages.popitem(last=False)[1][1])


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
        self.finished = Finished()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        fixed = scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope["path"].startswith(UNCACHED)
        if fixed:
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        state, revision = await run_in_threadpool(self._told, scope)
        tag = f'W/"{revision}{self._minute(path)}{state}"'
        kept = {"ETag": tag, "Cache-Control": PRIVATE if state else PUBLIC}
        known = Headers(scope=scope).get("if-none-match", "")
        if tag in (each.strip() for each in known.split(",")):
            await Response(status_code=304, headers=kept | {"Vary": "Cookie"})(scope, receive, send)
            return

        key = (path, scope["query_string"].decode("latin-1"), tag)
        page = self.finished.get(key) if scope["method"] == "GET" else None
        if page is not None:
            await send({"type": "http.response.start", "status": 200, "headers": list(page[0])})
            await send({"type": "http.response.body", "body": page[1]})
            return
        whole = _Whole()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                good = message["status"] == 200 and headers.get("cache-control") != NEVER
                for name, value in kept.items() if good else [("Cache-Control", NEVER)]:
                    headers[name] = value
                headers.add_vary_header("Cookie")
            whole.see(message)
            await send(message)

        await self.app(scope, receive, sending)
        if whole.good and scope["method"] == "GET":
            self.finished.put(key, whole.headers, whole.body)

    def _told(self, scope: Scope) -> tuple[str, str]:
        """What of the answer depends on who asks, and the revision of the site."""
        state = "" if scope["path"].startswith(IMPERSONAL) else self.state(Request(scope))
        return state, self.revision()

    def _minute(self, path: str) -> str:
        """The interface tells how much is talked about a paper, which falls by the minute."""
        return f"-{self.now():%H%M}" if path.startswith("/api/") else ""


class _Whole:
    """A response as it went by; it is good to keep where it came whole, at once, and sets no cookie."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body, self.good = b"", False
        self._fine = False

    def see(self, message: Message) -> None:
        """Take down one message of it."""
        if message["type"] == "http.response.start":
            self.headers = [(name, value) for name, value in message["headers"]]
            unkept = any(name == b"set-cookie" or value == NEVER.encode() for name, value in self.headers)
            self._fine = message["status"] == 200 and not unkept
        else:
            self.good = self._fine and not self.body and not message.get("more_body", False)
            self.body = message.get("body", b"")
