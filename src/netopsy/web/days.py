"""The papers of some days on a page, with the calendar of their month."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import HTMLResponse

from netopsy.feed import Entry
from netopsy.feed.calendar import day_after, week_of
from netopsy.feed.days import days_shown, earliest_day
from netopsy.feed.lists import latest_day
from netopsy.web.site import Site, site_of, written

Kind = Literal["day", "week", "month"]


def today(request: Request) -> HTMLResponse:
    """The papers of today, or of the latest day that has any."""
    site = site_of(request)
    shown, found = site.feed.today(now=site.now())
    note = "" if shown == site.today() else f"Nothing newer has come in; these are the papers of {written(shown)}."
    return of_days(request, "day", shown, day_after(shown), found, feeds="today", note=note)


def of_days(
    request: Request, kind: Kind, start: date, end: date, found: Sequence[Entry], *, feeds: str, note: str = ""
) -> HTMLResponse:
    """The papers that were found from one day to the one before another."""
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
