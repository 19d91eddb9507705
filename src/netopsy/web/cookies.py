"""The one cookie there is: that of a session, put on the answer of the page that began, replaced or ended it."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from netopsy.feed.sessions import UNUSED
from netopsy.feed.settings import Settings


def cookie_name(settings: Settings) -> str:
    """What the cookie of a session is called."""
    return "__Host-netopsy" if _encrypted(settings) else "netopsy"


class Cookies:
    """Puts the cookie on an answer whose page left a ``token`` in the request's state; an empty one takes it away."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.name, self.encrypted = app, cookie_name(settings), _encrypted(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def sending(message: Message) -> None:
            token = scope.get("state", {}).get("token")
            if message["type"] == "http.response.start" and token is not None:
                headers = MutableHeaders(scope=message)
                headers.append("Set-Cookie", self._written(token))
                headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, sending)

    def _written(self, token: str) -> str:
        seconds = int(UNUSED.total_seconds()) if token else 0
        written = f"{self.name}={token}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax"
        return f"{written}; Secure" if self.encrypted else written


def _encrypted(settings: Settings) -> bool:
    return settings.base_url.startswith("https://")
