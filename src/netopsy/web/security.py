"""What every answer says to the browser, and which requests are refused before a page sees them."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from netopsy.feed.settings import LOOPBACK, Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SANDBOXED = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""For pictures: they may colour themselves, and do nothing else."""
SCRIPTED = f"{SANDBOXED} allow-scripts; script-src 'unsafe-inline'"
"""For reports, which fold and sort their own tables: as if they came from nowhere, and they reach nothing."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LARGEST = 64_000
"""Bytes of a request's body."""
LARGEST_UPLOAD = 70_000_000
"""Bytes of a form that may carry files."""
UPLOADS = re.compile(r"/papers/[^/]+/run|/examine")
"""Where such forms go."""
SAFE = ("GET", "HEAD", "OPTIONS")
ONE_CLICK = "/unsubscribe/"
"""Where a mail program posts in the name of a reader, from nowhere."""
BUSY = "The database is busy or away at the moment; what was sent was not done. Try again soon."
AGENTS = "/mcp"
PROGRAMS = re.compile(rf"{AGENTS}|/api/.*")
"""Where programs post that are no browsers; what browsers send there is measured as everywhere."""
LOG = logging.getLogger("netopsy.web")
Refuse = Callable[[Request, int, str], Response]
"""Makes the answer that says why not."""


class Security:
    """Refuses requests that are not meant for this site, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, settings: Settings, refuse: Refuse) -> None:
        self.app, self.refuse = app, refuse
        address = urlsplit(settings.base_url)
        self.scheme = address.scheme
        self.hosts = {*LOOPBACK, (address.hostname or "").lower()}
        self.by_number = bool(settings.token_file)
        """Whether any address without a name will do: a name alone can be turned to another machine."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        trouble = self._trouble(scope)
        request = Request(scope)
        if trouble is not None:
            await self.refuse(request, *trouble)(scope, receive, sending)
            return
        try:
            await self.app(scope, _counted(receive, _most(scope)), sending)
        except ClientDisconnect:  # whoever asked is gone, in the middle of an upload maybe
            return
        except Exception as error:
            LOG.error("%s failed: %s", getattr(scope.get("route"), "path", "a page"), place_of(error))
            if begun:  # the connection is cut, and what was raised, which may hold what was typed, goes into no log
                raise RuntimeError("an answer was broken off") from None
            away = isinstance(error, OperationalError | InterfaceError)
            answer = self.refuse(request, *((503, BUSY) if away else (500, "Something went wrong here; it was noted.")))
            if away:
                answer.headers["Retry-After"] = "5"
            await answer(scope, receive, sending)

    def _trouble(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = _host(headers.get("host", ""))
        if host not in self.hosts and not (self.by_number and _is_number(host)):
            return 400, "This address is not the one of this site."
        most = _most(scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 18 or int(length) > most:
            return 413, f"A request may carry at most {most:,} bytes."
        known = scope["path"].startswith(ONE_CLICK) or (PROGRAMS.fullmatch(scope["path"]) and not _browsed(headers))
        if scope["method"] not in SAFE and not known and not self._ours(headers):
            return 403, "A form of another site cannot be sent to this one."
        return None

    def _ours(self, headers: Headers) -> bool:
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        try:
            origin = urlsplit(headers.get("origin", ""))
        except ValueError:
            return False
        encrypted = origin.scheme == self.scheme or origin.hostname in LOOPBACK
        return bool(headers.get("host")) and origin.netloc == headers.get("host") and encrypted


def _browsed(headers: Headers) -> bool:
    """Whether a browser sent it: all of them say where a post comes from."""
    return "sec-fetch-site" in headers or "origin" in headers


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host(text: str) -> str:
    try:
        return (urlsplit(f"//{text}").hostname or "").lower()
    except ValueError:
        return ""


def _most(scope: Scope) -> int:
    upload = scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"])
    return LARGEST_UPLOAD if upload else LARGEST


def _counted(receive: Receive, most: int) -> Receive:
    left = most

    async def counting() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"A request may carry at most {most:,} bytes.")
        return message

    return counting


def place_of(error: Any) -> str:
    """What was raised and where, without its message, which may hold what a visitor typed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    return f"{type(error).__name__}{where}"
