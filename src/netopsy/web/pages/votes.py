"""Voting for a paper and taking it back, from any page that shows one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from netopsy.core.errors import require
from netopsy.feed import accounts, quotas, votes
from netopsy.feed.database import writing
from netopsy.web.pages.account import Back, Token
from netopsy.web.pages.paper import entry_named
from netopsy.web.site import site_of
from netopsy.web.visitor import in_place, require_account, same_site

router = APIRouter(include_in_schema=False)
MANY = 200
"""Votes of an account a day."""
Name = Annotated[str, Form(max_length=300)]


@router.post("/vote")
def vote(request: Request, form_token: Token = "", cast: Name = "", take: Name = "", back: Back = "/") -> Response:
    """Vote for the paper ``cast``, or take the vote for ``take`` back; doing so twice is fine."""
    site, visitor = site_of(request), require_account(request, form_token)
    account, now = visitor.account or "", site.now()
    require(bool(cast) != bool(take), "a vote names one paper")
    paper = entry_named(site, cast or take).id
    with writing(site.feed.engine) as connection:
        if take:
            votes.take_back(connection, paper, account)
        else:
            accounts.check_not_banned(connection, account, now)
            new = votes.cast(connection, paper, account, now)
            if new and not quotas.take(connection, visitor.who, "vote", MANY, now):
                raise HTTPException(429, f"An account has {MANY} votes a day, which are used up; come back tomorrow.")
    if in_place(request):
        return JSONResponse({"pressed": bool(cast), "count": site.feed.show(paper, now=now).votes})
    return RedirectResponse(same_site(back), status_code=303)
