"""Pages for whoever holds a token: it comes in once by an address, and is a cookie from then on."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from netopsy.core.errors import require
from netopsy.feed.secrets import kept_text
from netopsy.feed.sessions import UNUSED
from netopsy.feed.settings import Settings
from netopsy.web.cookies import prefixed, written
from netopsy.web.security import SAFE, Refuse
from netopsy.web.visitor import ANYBODY

TOKEN = "token"
"""What it is called in an address."""
SHORTEST = 20
FREE = ("/static/", "/healthz")
"""What the page that refuses is drawn with, and whether there is anybody."""
WHY = "This page is for those who have its token: open it once with ?token= and the token behind its address."


def token_at(path: str | Path) -> tuple[str, bool]:
    """The token in a file, and whether it was made just now, for its owner's eyes alone, because there was none.

    Raises:
        InputError: it cannot be read or made, or holds no token.
    """
    file = Path(path).expanduser()
    text, new = kept_text(file, "the file of the token", lambda: secrets.token_urlsafe(32) + "\n")
    token = text.strip()
    fine = len(token) >= SHORTEST and token.isascii() and token.isprintable() and " " not in token
    require(fine, f"the file of the token {str(file)!r} must hold one word of at least {SHORTEST} letters and digits")
    return token, new


class Admission:
    """Refuses whoever does not hold the token: in the address of a page, as a cookie, or as a bearer."""

    def __init__(self, app: ASGIApp, settings: Settings, refuse: Refuse) -> None:
        self.app, self.settings, self.refuse = app, settings, refuse
        self.token, _ = token_at(settings.token_file)
        self.ticket = hashlib.blake2b(self.token.encode(), digest_size=32, person=b"admission").hexdigest()
        """What the cookie holds, from which the token cannot be had."""
        self.name = prefixed(f"netopsy-{self.ticket[:8]}", settings)
        """Of the cookie; pages at other ports of one machine have other tokens."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope)
        if scope["type"] != "http" or self._known(request):
            await self.app(scope, receive, send)
        elif scope["path"].startswith(FREE):
            request.state.visitor = ANYBODY
            await self.app(scope, receive, send)
        elif scope["method"] in SAFE and self._same(request.query_params.get(TOKEN, ""), self.token):
            rest = [each for each in parse_qsl(scope["query_string"].decode("latin-1"), True) if each[0] != TOKEN]
            path = "/" + quote(scope["path"]).lstrip("/")
            answer = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, 303)
            answer.headers["Set-Cookie"] = written(self.name, self.ticket, UNUSED, self.settings)
            answer.headers["Cache-Control"] = "no-store"
            await answer(scope, receive, send)
        else:
            await self.refuse(request, 403, WHY)(scope, receive, send)

    def _known(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = kind.lower() == "bearer" and self._same(token.strip(), self.token)
        return bearer or self._same(request.cookies.get(self.name, ""), self.ticket)

    @staticmethod
    def _same(given: str, own: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), own.encode())
