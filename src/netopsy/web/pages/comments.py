"""Comments: writing, answering, changing and deleting them, and saying whether they help. No GET changes anything."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from netopsy.core.errors import InputError
from netopsy.feed import Entry, comments
from netopsy.feed.comments import Comment
from netopsy.web.pages.paper import entry_named
from netopsy.web.site import address_of, site_of
from netopsy.web.visitor import check_form, require_account

router = APIRouter(include_in_schema=False)
UNKEPT = {"Cache-Control": "no-store"}
Token = Annotated[str, Form(max_length=200)]
Text = Annotated[str, Form()]


@router.post("/comments")
def write(
    request: Request,
    form_token: Token = "",
    paper: Annotated[str, Form(max_length=500)] = "",
    parent: Annotated[int | None, Form(ge=1, lt=2**31)] = None,
    text: Text = "",
) -> Response:
    """Say something of a paper."""
    site, visitor = site_of(request), require_account(request)
    check_form(visitor, form_token)
    entry = entry_named(site, paper)
    assert visitor.account is not None
    try:
        made = comments.write(
            site.feed.engine,
            entry.id,
            visitor.account,
            text,
            parent=parent,
            moderated=not (site.settings.local or visitor.moderator),
            now=site.now(),
        )
    except InputError as error:
        return _new(request, entry, None if parent is None else _one(request, parent)[1], text, f"{error}.")
    return _back(entry, made.id)


@router.get("/comments/{number}/answer")
def answer(request: Request, number: int) -> HTMLResponse:
    """A form to answer a comment."""
    require_account(request)
    entry, above = _one(request, number)
    return _new(request, entry, above, "", "")


@router.get("/comments/{number}/edit")
def change(request: Request, number: int) -> HTMLResponse:
    """A form to change or delete one's own comment."""
    entry, own = _own(request, number)
    return _edit(request, entry, number, own.source, "")


@router.post("/comments/{number}/edit")
def edit(request: Request, number: int, form_token: Token = "", text: Text = "") -> Response:
    """Change one's own comment."""
    site, visitor = site_of(request), require_account(request)
    check_form(visitor, form_token)
    entry, _ = _own(request, number)
    assert visitor.account is not None
    try:
        comments.edit(site.feed.engine, number, visitor.account, text, now=site.now())
    except InputError as error:
        return _edit(request, entry, number, text, f"{error}.")
    return _back(entry, number)


@router.post("/comments/{number}/delete")
def delete(request: Request, number: int, form_token: Token = "") -> Response:
    """Delete one's own comment."""
    site, visitor = site_of(request), require_account(request)
    check_form(visitor, form_token)
    entry, _ = _own(request, number)
    assert visitor.account is not None
    comments.remove(site.feed.engine, number, visitor.account)
    return _back(entry, None)


@router.post("/comments/{number}/rate")
def rate(
    request: Request, number: int, form_token: Token = "", value: Annotated[int, Form(ge=-1, le=1)] = 0
) -> Response:
    """Say whether a comment helps."""
    site, visitor = site_of(request), require_account(request)
    check_form(visitor, form_token)
    entry, _ = _one(request, number)
    assert visitor.account is not None
    comments.rate(site.feed.engine, number, visitor.account, value, now=site.now())
    return _back(entry, number)


def _one(request: Request, number: int) -> tuple[Entry, Comment]:
    """A comment that is shown, or one's own that waits, and its paper."""
    site = site_of(request)
    visitor = require_account(request)
    try:
        with site.feed.engine.connect() as connection:
            paper, found = comments.one(connection, number if 0 < number < 2**31 else 0)
    except InputError as error:
        raise HTTPException(404, f"{error}.") from None
    if found.state != "shown" and found.account != visitor.account:
        raise HTTPException(404, f"there is no comment {number}.")
    return entry_named(site, paper), found


def _own(request: Request, number: int) -> tuple[Entry, Comment]:
    entry, found = _one(request, number)
    if found.account != require_account(request).account:
        raise HTTPException(403, "This comment is not yours to change.")
    return entry, found


def _new(request: Request, entry: Entry, above: Comment | None, text: str, trouble: str) -> HTMLResponse:
    head = "Answer a comment" if above else "Say something of a paper"
    names: dict[str, Any] = {
        "action": "/comments",
        "label": "Your answer" if above else "Your comment",
        "button": "Send",
    }
    names |= {"paper": entry.id, "parent": above.id if above else "", "own": None}
    return _page(request, head=head, entry=entry, above=above, text=text, trouble=trouble, **names)


def _edit(request: Request, entry: Entry, number: int, text: str, trouble: str) -> HTMLResponse:
    names = {"action": f"/comments/{number}/edit", "label": "Your comment", "button": "Keep", "paper": "", "parent": ""}
    head = "Change your comment"
    return _page(request, head=head, entry=entry, above=None, own=number, text=text, trouble=trouble, **names)


def _page(request: Request, *, trouble: str, **names: Any) -> HTMLResponse:
    status = 400 if trouble else 200
    page = site_of(request).page(request, "comment.html", status=status, trouble=trouble, **names)
    page.headers.update(UNKEPT)
    return page


def _back(entry: Entry, number: int | None) -> Response:
    place = "comments" if number is None else f"comment-{number}"
    return RedirectResponse(f"{address_of(entry)}#{place}", status_code=303, headers=UNKEPT)
