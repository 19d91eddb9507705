"""Today, a day, a week, a month, what is trending and what got the most votes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from netopsy.feed import Entry
from netopsy.feed.calendar import day_after, day_named, month_range, week_range
from netopsy.web.days import of_days, today
from netopsy.web.site import site_of

router = APIRouter(include_in_schema=False)


router.get("/")(today)


@router.get("/day/{name}")
def day(request: Request, name: str) -> HTMLResponse:
    """The papers of a day."""
    site, start = site_of(request), day_named(name)
    return of_days(request, "day", start, day_after(start), site.feed.day(name, now=site.now()), feeds=name)


@router.get("/week/{name}")
def week(request: Request, name: str) -> HTMLResponse:
    """The papers of an ISO week."""
    site = site_of(request)
    return of_days(request, "week", *week_range(name), site.feed.week(name, now=site.now()), feeds=name)


@router.get("/month/{name}")
def month(request: Request, name: str) -> HTMLResponse:
    """The papers of a month."""
    site = site_of(request)
    return of_days(request, "month", *month_range(name), site.feed.month(name, now=site.now()), feeds=name)


@router.get("/go")
def go(day: str = "") -> Response:
    """Where the field for a date leads."""
    return RedirectResponse(f"/day/{day_named(day)}", status_code=303)


@router.get("/trending")
def trending(request: Request) -> HTMLResponse:
    """What is talked about most."""
    site = site_of(request)
    found = site.feed.trending(now=site.now())
    how = (
        "Each vote, and the first comment and the first finished run of each reader, counts 1 when it is made and half "
        "as much every 24 hours after that. "
        "Papers without votes follow, the newest first."
    )
    return _ranked(request, "Trending papers", found, feeds="trending", how=how)


@router.get("/top/{period}")
def top(request: Request, period: Literal["week", "month"]) -> HTMLResponse:
    """What got the most votes in this week or month."""
    site = site_of(request)
    found = site.feed.top(period, now=site.now())
    how = f"By the votes that were cast in this {period}; of two with as many, the newer first."
    return _ranked(request, f"Top papers of this {period}", found, feeds=f"top-{period}", how=how)


def _ranked(request: Request, title: str, found: Sequence[Entry], *, feeds: str, how: str) -> HTMLResponse:
    groups = [("", found)] if found else []
    return site_of(request).page(request, "ranked.html", title=title, groups=groups, feeds=feeds, how=how)
