"""Today, a day, a week, a month, what is trending and what got the most votes."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from netopsy.feed import Entry
from netopsy.feed.calendar import day_after, day_named, month_range, week_of, week_range
from netopsy.feed.days import days_shown, earliest_day
from netopsy.feed.lists import latest_day
from netopsy.web.site import Site, site_of, written

router = APIRouter(include_in_schema=False)
Kind = Literal["day", "week", "month"]


@router.get("/")
def today(request: Request) -> HTMLResponse:
    """The papers of today, or of the latest day that has any."""
    site = site_of(request)
    shown, found = site.feed.today(now=site.now())
    note = "" if shown == site.today() else f"Nothing newer has come in; these are the papers of {written(shown)}."
    return _of_days(request, "day", shown, day_after(shown), found, feeds="today", note=note)


@router.get("/day/{name}")
def day(request: Request, name: str) -> HTMLResponse:
    """The papers of a day."""
    site, start = site_of(request), day_named(name)
    return _of_days(request, "day", start, day_after(start), site.feed.day(name, now=site.now()), feeds=name)


@router.get("/week/{name}")
def week(request: Request, name: str) -> HTMLResponse:
    """The papers of an ISO week."""
    site = site_of(request)
    return _of_days(request, "week", *week_range(name), site.feed.week(name, now=site.now()), feeds=name)


@router.get("/month/{name}")
def month(request: Request, name: str) -> HTMLResponse:
    """The papers of a month."""
    site = site_of(request)
    return _of_days(request, "month", *month_range(name), site.feed.month(name, now=site.now()), feeds=name)


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


def _of_days(
    request: Request, kind: Kind, start: date, end: date, found: Sequence[Entry], *, feeds: str, note: str = ""
) -> HTMLResponse:
    site = site_of(request)
    days = [(day, list(those)) for day, those in groupby(found, key=lambda entry: entry.day)]
    groups = [(written(day) if kind != "day" and day else "", those) for day, those in days]
    name = {"day": written(start), "week": f"Week {start:%V} of {start:%G}", "month": f"{start:%B} {start.year}"}[kind]
    return site.page(
        request,
        "list.html",
        title=name,
        kind=kind,
        groups=groups,
        total=len(found),
        feeds=feeds,
        note=note,
        troubles=[each for each in site.feed.sources() if each["trouble"]],
        places=_places(start),
        **_around(site, kind, start, end),
    )


def _places(day: date) -> dict[str, str]:
    return {"day": f"/day/{day}", "week": f"/week/{week_of(day)}", "month": f"/month/{day.year:04}-{day.month:02}"}


def _around(site: Site, kind: Kind, start: date, end: date) -> dict[str, Any]:
    """The nearest day, week or month with papers before and after, and the calendar of the month."""
    first = start.replace(day=1)
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month) if first.year not in (1, 9999) else []
    with site.feed.engine.connect() as connection:
        before = latest_day(connection, start - timedelta(1)) if start > date.min else None
        after = earliest_day(connection, end) if end > start else None
        shown = days_shown(connection, weeks[0][0], day_after(weeks[-1][-1])) if weeks else {}
    return {
        "before": _places(before)[kind] if before else None,
        "after": _places(after)[kind] if after else None,
        "month": first,
        "weeks": weeks,
        "shown": shown,
        "chosen": (start, end),
    }
