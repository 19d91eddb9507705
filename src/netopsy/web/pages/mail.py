"""Papers by mail: asking for them, pressing the link of a letter, and ending them. No GET changes anything."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from netopsy.core.errors import InputError
from netopsy.feed import subscriptions
from netopsy.feed.accounts import TOO_MANY
from netopsy.web.site import Site, site_of
from netopsy.web.visitor import visitor_of

router = APIRouter(include_in_schema=False)
UNKEPT = {"Cache-Control": "no-store"}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@router.get("/subscribe")
def form(request: Request) -> HTMLResponse:
    """The form."""
    return _form(request, {}, "")


@router.post("/subscribe")
def subscribe(
    request: Request,
    address: Annotated[str, Form(max_length=320)] = "",
    kind: Annotated[str, Form(max_length=10)] = "daily",
    hour: Annotated[int, Form(ge=0, le=23)] = 7,
    weekday: Annotated[int, Form(ge=0, le=6)] = 0,
    zone: Annotated[str, Form(max_length=64)] = "UTC",
    authors: Annotated[str, Form(max_length=2000)] = "",
    words: Annotated[str, Form(max_length=2000)] = "",
    without: Annotated[str, Form(max_length=2000)] = "",
) -> HTMLResponse:
    """Write to that address; the answer is the same whoever it is of."""
    site = site_of(request)
    wished = {"authors": _listed(authors), "words": _listed(words), "without": _listed(without)}
    try:
        allowed = subscriptions.subscribe(
            site.feed.engine,
            site.settings,
            site.secret,
            address,
            kind=kind,
            hour=hour,
            weekday=weekday,
            zone=zone or "UTC",
            interests={name: found for name, found in wished.items() if found},
            visitor=visitor_of(request).who,
            now=site.now(),
        )
    except InputError as error:
        typed = {"address": address, "kind": kind, "hour": hour, "weekday": weekday, "zone": zone}
        return _form(request, typed | {"authors": authors, "words": words, "without": without}, f"{error}.", status=400)
    if not allowed:
        raise HTTPException(429, TOO_MANY)
    return _told(
        request,
        "A letter is on its way",
        "It holds a link that is good for a day. Digests come once it is pressed, and not before.",
    )


@router.get("/confirm/{token}")
def ask_to_confirm(request: Request, token: str) -> HTMLResponse:
    """A button; programs that open every link of a letter confirm nothing."""
    site = site_of(request)
    _good(site, token, "confirm")
    return _told(
        request,
        "Papers by mail",
        "Do you want digests at the address of the letter, as they were asked for?",
        button="Yes, send them",
    )


@router.post("/confirm/{token}")
def confirm(request: Request, token: str) -> HTMLResponse:
    """Begin the digests; pressing it again is fine."""
    site = site_of(request)
    if not subscriptions.confirm(site.feed.engine, site.secret, token, now=site.now()):
        raise _over()
    return _told(request, "Digests come to you", "Each of them holds a link that ends them.")


@router.get("/unsubscribe/{token}")
def ask_to_unsubscribe(request: Request, token: str) -> HTMLResponse:
    """A button."""
    site = site_of(request)
    _good(site, token, "unsubscribe")
    return _told(request, "End the digests", "No more of them come to the address of the letter.", button="End them")


@router.post("/unsubscribe/{token}")
def unsubscribe(request: Request, token: str) -> Response:
    """End the digests, from the page or at one click of a mail program (RFC 8058); pressing it again is fine."""
    site = site_of(request)
    if not subscriptions.unsubscribe(site.feed.engine, site.secret, token, now=site.now()):
        raise _over()
    return _told(
        request,
        "The digests have ended",
        "Of the address a hash is kept, so that only a new confirmation brings it back.",
    )


def _form(request: Request, typed: dict[str, object], trouble: str, *, status: int = 200) -> HTMLResponse:
    fields = {"address": "", "kind": "daily", "hour": 7, "weekday": 0, "zone": "UTC"}
    fields |= {"authors": "", "words": "", "without": ""} | typed
    page = site_of(request).page(
        request, "subscribe.html", status=status, fields=fields, trouble=trouble, weekdays=WEEKDAYS
    )
    return _unkept(page)


def _told(request: Request, head: str, said: str, *, button: str = "") -> HTMLResponse:
    return _unkept(site_of(request).page(request, "told.html", head=head, said=said, button=button))


def _good(site: Site, token: str, purpose: str) -> None:
    link = subscriptions.look(site.feed.engine, site.secret, token, now=site.now())
    if link is None or link.purpose != purpose:
        raise HTTPException(404)
    if not link.good:
        raise _over()


def _over() -> HTTPException:
    return HTTPException(410, "This link is not good, or not any more; ask for another letter.")


def _listed(text: str) -> list[str]:
    return [each for each in (part.strip() for part in text.replace("\n", ",").split(",")) if each]


def _unkept(page: HTMLResponse) -> HTMLResponse:
    page.headers.update(UNKEPT)
    return page
