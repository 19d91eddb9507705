"""Who is asking: the user of this machine, somebody who signed in, or anybody."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from netopsy.feed import accounts, sessions
from netopsy.feed.accounts import LOCAL
from netopsy.web.cookies import cookie_name
from netopsy.web.security import SAFE

PASSED_ON = ("x-forwarded-for", "x-real-ip", "forwarded", "via")
"""What a proxy says: behind one, nobody is the user of this machine."""
LONGEST = 1000


@dataclass(frozen=True)
class Visitor:
    """Who is asking, as pages need to know it."""

    account: str | None = None
    moderator: bool = False
    form_token: str = ""
    """Stands in every form of a page that does something in the name of the account."""
    who: str = ""
    """Whose quotas are counted: a keyed hash of the account, or of an address and the day."""
    family: str = ""
    """Of the session; see `netopsy.feed.sessions`."""


ANYBODY = Visitor()


def visitor_of(request: Request) -> Visitor:
    """Who is asking, found once for a request."""
    known: Visitor | None = getattr(request.state, "visitor", None)
    if known is None:
        known = request.state.visitor = _visitor(request)
    return known


def known_visitor(request: Request) -> Visitor:
    """Who is asking, where that was found out already: for pages that say what went wrong."""
    found: Visitor = getattr(request.state, "visitor", ANYBODY)
    return found


def require_account(request: Request, form_token: str | None = None) -> Visitor:
    """Who is asking, who must have an account; it is made here where there is none of this machine's user yet.

    Args:
        form_token: of the form that was sent; see `check_form`.

    Raises:
        HTTPException: 401 for anybody else; the page that says so leads to `/sign-in` and back again.
    """
    visitor, site = visitor_of(request), request.app.state.site
    if visitor.account is None:
        raise HTTPException(401, "This is kept for those who have signed in.")
    if form_token is not None:
        check_form(visitor, form_token)
    if request.method not in SAFE:
        if visitor.account == LOCAL:
            accounts.make_local(site.feed.engine, LOCAL, site.now())
        else:
            token = request.cookies[cookie_name(site.settings)]
            request.state.token = sessions.use(site.feed.engine, site.secret, token, site.now())
    return visitor


def require_moderator(request: Request, form_token: str | None = None) -> Visitor:
    """Who is asking, who must be a moderator.

    Raises:
        HTTPException: 401 for anybody who has not signed in, 403 for whoever is none.
    """
    visitor = require_account(request, form_token)
    if not visitor.moderator:
        raise HTTPException(403, "This is kept for moderators.")
    return visitor


def check_form(visitor: Visitor, token: str) -> None:
    """Refuse a form that was not on a page of this visitor's session.

    Raises:
        HTTPException: 403.
    """
    if not hmac.compare_digest(visitor.form_token.encode(), token.encode("utf-8", "surrogatepass")):
        raise HTTPException(403, "This form is not of your session any more; open its page again.")


def same_site(path: str) -> str:
    """A path of this site to come back to; ``/`` for whatever is none.

    >>> same_site("/papers/grokking?x=1"), same_site("//evil.example"), same_site("https://evil.example")
    ('/papers/grokking?x=1', '/', '/')
    """
    fine = path.startswith("/") and not path.startswith("//") and len(path) <= LONGEST
    fine = fine and path.isascii() and path.isprintable() and not set(path) & set('\\ "<>')
    return path if fine else "/"


def here(request: Request) -> str:
    """The page that this request was made on, to come back to."""
    if request.method in SAFE:
        path, query = (request.scope.get(name, b"").decode("latin-1") for name in ("raw_path", "query_string"))
        return same_site(f"{path}?{query}" if query else path)
    try:
        address = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return "/"
    if address.netloc != request.headers.get("host"):
        return "/"
    return same_site(f"{address.path}?{address.query}" if address.query else address.path)


def in_place(request: Request) -> bool:
    """Whether a script of the page asks, which puts the answer where the button is."""
    return "application/json" in request.headers.get("accept", "")


def _visitor(request: Request) -> Visitor:
    site: Any = request.app.state.site
    passed_on = not site.settings.token_file and any(name in request.headers for name in PASSED_ON)
    if site.settings.local and not passed_on:
        token = site.secret.hashed(LOCAL, purpose="form")
        return Visitor(LOCAL, True, token, site.secret.hashed(LOCAL, purpose="who"))
    found = None
    cookie = request.cookies.get(cookie_name(site.settings), "")
    if cookie:
        found = sessions.session_of(site.feed.engine, site.secret, cookie, site.now())
    if found is None:
        today = f"{site.now().astimezone(UTC):%Y-%m-%d}"
        return Visitor(who=site.secret.hashed(f"{today} {_network(request)}", purpose="visitor"))
    return Visitor(
        found.account,
        found.address_hash in site.moderators,
        site.secret.hashed(found.family, purpose="form"),
        site.secret.hashed(found.account, purpose="who"),
        found.family,
    )


def _network(request: Request) -> str:
    """The address that a request came from; of the long ones the part that one household has."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
