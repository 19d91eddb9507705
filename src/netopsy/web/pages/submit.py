"""Papers that readers bring. What they type is read for a name; nothing of it is fetched here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from netopsy.core.errors import InputError
from netopsy.feed import submissions
from netopsy.web.site import address_of, site_of
from netopsy.web.visitor import check_form, require_account

router = APIRouter(include_in_schema=False)
UNKEPT = {"Cache-Control": "no-store"}
LONGEST = 500


@router.get("/submit")
def form(request: Request, paper: str = "") -> HTMLResponse:
    """The form, and what waits."""
    return _form(request, paper[:LONGEST], "", "")


@router.post("/submit")
def submit(
    request: Request,
    form_token: Annotated[str, Form(max_length=200)] = "",
    paper: Annotated[str, Form(max_length=LONGEST)] = "",
    note: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Bring a paper."""
    site, visitor = site_of(request), require_account(request)
    check_form(visitor, form_token)
    assert visitor.account is not None
    try:
        found = site.feed.submit(paper, visitor.account, note=note, now=site.now())
    except InputError as error:
        return _form(request, paper, note, f"{error}.")
    if found.outcome == "waiting":
        return RedirectResponse("/submit", status_code=303, headers=UNKEPT)
    shown = site.feed.show(found.paper, now=site.now())
    return RedirectResponse(address_of(shown), status_code=303, headers=UNKEPT)


def _form(request: Request, wanted: str, note: str, trouble: str) -> HTMLResponse:
    site = site_of(request)
    with site.feed.engine.connect() as connection:
        waiting = submissions.waiting(connection)
    names = {"wanted": wanted, "note": note, "trouble": trouble, "waiting": waiting}
    page = site.page(request, "submit.html", status=400 if trouble else 200, **names)
    page.headers.update(UNKEPT)
    return page
