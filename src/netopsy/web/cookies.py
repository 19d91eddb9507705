"""The one cookie there is: that of a session, put on the answer of the page that began, replaced or ended it."""

from __future__ import annotations

from datetime import timedelta

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from netopsy.feed.sessions import UNUSED
from netopsy.feed.settings import Settings


def cookie_name(settings: Settings) -> str:
    """What the cookie of a session is called."""
    return prefixed("netopsy", settings)


def prefixed(name: str, settings: Settings) -> str:
    """The name of a cookie; where the site is encrypted, browsers take it from there alone."""
    return f"__Host-{name}" if _encrypted(settings) else name


class Cookies:
    """Puts the cookie on an answer whose page left a ``token`` in the request's state; an empty one takes it away."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def sending(message: Message) -> None:
            token = scope.get("state", {}).get("token")
            if message["type"] == "http.response.start" and token is not None:
                headers = MutableHeaders(scope=message)
                lasting = UNUSED if token else timedelta(0)
                headers.append("Set-Cookie", written(cookie_name(self.settings), token, lasting, self.settings))
                headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, sending)


def written(name: str, value: str, lasting: timedelta, settings: Settings) -> str:
    """A cookie for this site alone, which no script reads."""
    text = f"{name}={value}; Max-Age={int(lasting.total_seconds())}; Path=/; HttpOnly; SameSite=Lax"
    return f"{text}; Secure" if _encrypted(settings) else text


def _encrypted(settings: Settings) -> bool:
    return settings.base_url.startswith("https://")
