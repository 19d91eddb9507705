"""What waits, what is hidden, who is banned and who did it, for moderators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from netopsy.core.errors import InputError, lookup
from netopsy.feed import moderation
from netopsy.web.site import site_of
from netopsy.web.visitor import check_form, require_moderator

router = APIRouter(include_in_schema=False)
UNKEPT = {"Cache-Control": "no-store"}
SIMPLE: Mapping[str, Callable[..., bool]] = {
    "hide": moderation.hide,
    "unhide": moderation.unhide,
    "approve": moderation.approve,
}
ACTIONS = (*SIMPLE, "ban")


@router.get("/moderation")
def overview(request: Request, what: str = "") -> HTMLResponse:
    """The page."""
    require_moderator(request)
    return _page(request, what=what[:500])


@router.post("/moderation")
def act(
    request: Request,
    form_token: Annotated[str, Form(max_length=200)] = "",
    what: Annotated[str, Form(max_length=500)] = "",
    action: Annotated[str, Form(max_length=10)] = "",
    days: Annotated[int, Form(ge=0, le=moderation.MOST_DAYS)] = 7,
    reason: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Do one thing."""
    site, visitor = site_of(request), require_moderator(request)
    check_form(visitor, form_token)
    assert visitor.account is not None
    try:
        lookup("action", action, dict.fromkeys(ACTIONS))
        if action == "ban":
            moderation.ban(site.feed.engine, what, days, by=visitor.account, reason=reason, now=site.now())
        else:
            SIMPLE[action](site.feed.engine, what, by=visitor.account, reason=reason, now=site.now())
    except InputError as error:
        return _page(request, what=what, action=action, days=days, reason=reason, trouble=f"{error}.")
    return RedirectResponse("/moderation", status_code=303, headers=UNKEPT)


def _page(
    request: Request, *, what: str = "", action: str = "hide", days: int = 7, reason: str = "", trouble: str = ""
) -> HTMLResponse:
    site = site_of(request)
    with site.feed.engine.connect() as connection:
        found = moderation.overview(connection, site.now())
    names = {"typed_what": what, "typed_action": action, "days": days, "reason": reason, "trouble": trouble}
    page = site.page(request, "moderation.html", status=400 if trouble else 200, found=found, actions=ACTIONS, **names)
    page.headers.update(UNKEPT)
    return page
