"""Signing in by a letter, signing out, and what an account may set. No GET changes anything."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from netopsy.core.errors import InputError
from netopsy.feed import accounts, privacy, sessions, votes
from netopsy.feed.accounts import LOCAL
from netopsy.feed.database import writing
from netopsy.web.caching import NEVER
from netopsy.web.site import site_of
from netopsy.web.visitor import require_account, same_site, visitor_of

router = APIRouter(include_in_schema=False)
UNKEPT = {"Cache-Control": NEVER}
TYPED = "delete"
"""What has to be typed to delete an account."""
Token = Annotated[str, Form(max_length=100)]
Back = Annotated[str, Form(max_length=2000)]


@router.get("/sign-in")
def form(request: Request, back: str = "/") -> Response:
    """The form; whoever has signed in comes back at once."""
    if visitor_of(request).account is not None:
        return RedirectResponse(same_site(back), status_code=303, headers=UNKEPT)
    return _form(request, back)


@router.post("/sign-in")
def ask(request: Request, address: Annotated[str, Form(max_length=320)] = "", back: Back = "/") -> Response:
    """Write a link to that address; the answer is the same whoever it is of."""
    site, visitor = site_of(request), visitor_of(request)
    if visitor.account is not None:
        return RedirectResponse(same_site(back), status_code=303)
    try:
        allowed = accounts.ask(
            site.feed.engine,
            site.settings,
            site.secret,
            address,
            visitor=visitor.who,
            back=same_site(back),
            now=site.now(),
        )
    except InputError as error:
        return _form(request, back, f"{error}.", address, status=400)
    if not allowed:
        raise HTTPException(429, accounts.TOO_MANY)
    return _told(
        request, "A letter is on its way", "It holds a link that signs you in, once, within the next 15 minutes."
    )


@router.get("/sign-in/{token}")
def look(request: Request, token: str) -> HTMLResponse:
    """A button; programs that open every link of a letter sign nobody in."""
    site = site_of(request)
    if not accounts.link_good(site.feed.engine, site.secret, token, site.now()):
        raise _over()
    return _told(request, "Sign in", "This browser stays signed in until you sign out.", button="Sign in here")


@router.post("/sign-in/{token}")
def sign_in(request: Request, token: str) -> Response:
    """Begin a session; any that this browser had ends."""
    site, visitor = site_of(request), visitor_of(request)
    found = None
    if visitor.account != LOCAL:
        found = accounts.sign_in(site.feed.engine, site.secret, token, leaving=visitor.family, now=site.now())
    if found is None:
        raise _over()
    request.state.token = found.token
    return RedirectResponse(same_site(found.back), status_code=303)


@router.post("/sign-out")
def sign_out(request: Request, form_token: Token = "", everywhere: Annotated[bool, Form()] = False) -> Response:
    """End the session of this browser, or all sessions of the account."""
    site, visitor = site_of(request), require_account(request, form_token)
    with writing(site.feed.engine) as connection:
        if everywhere:
            sessions.revoke(connection, account=visitor.account or "")
        else:
            sessions.revoke(connection, family=visitor.family)
    request.state.token = ""
    return RedirectResponse("/", status_code=303)


@router.get("/settings")
def settings(request: Request) -> HTMLResponse:
    """Sessions, data, and the way out."""
    return _settings(request)


@router.get("/settings/my-data.json")
def my_data(request: Request) -> Response:
    """All that is kept of the account, as JSON."""
    site, visitor = site_of(request), require_account(request)
    found = privacy.my_account(site.feed.engine, site.secret, visitor.account or "")
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    headers = UNKEPT | {"Content-Disposition": 'attachment; filename="my-data.json"'}
    return Response(text, media_type="application/json", headers=headers)


@router.post("/settings/delete")
def delete(request: Request, form_token: Token = "", typed: Annotated[str, Form(max_length=40)] = "") -> Response:
    """Delete the account and all that is kept of its address."""
    site, visitor = site_of(request), require_account(request, form_token)
    if typed.strip().casefold() != TYPED:
        return _settings(request, f"Nothing was deleted: the word {TYPED} was not typed.", status=400)
    privacy.forget_account(site.feed.engine, site.secret, visitor.account or "", site.now())
    request.state.token = ""
    return RedirectResponse("/", status_code=303)


def _settings(request: Request, trouble: str = "", *, status: int = 200) -> HTMLResponse:
    site, visitor = site_of(request), require_account(request)
    account = visitor.account or ""
    with site.feed.engine.connect() as connection:
        counts_from = votes.counts_from(connection, account, site.now())
    page = site.page(
        request,
        "settings.html",
        status=status,
        browsers=sessions.count(site.feed.engine, account, site.now()),
        counts_from=counts_from,
        local=account == LOCAL,
        trouble=trouble,
    )
    page.headers.update(UNKEPT)
    return page


def _form(request: Request, back: str, trouble: str = "", address: str = "", *, status: int = 200) -> HTMLResponse:
    page = site_of(request).page(
        request, "sign_in.html", status=status, back=same_site(back), trouble=trouble, address=address
    )
    page.headers.update(UNKEPT)
    return page


def _told(request: Request, head: str, said: str, *, button: str = "") -> HTMLResponse:
    page = site_of(request).page(request, "told.html", head=head, said=said, button=button)
    page.headers.update(UNKEPT)
    return page


def _over() -> HTTPException:
    return HTTPException(410, "This link is not good, or not any more; ask for another letter.")
