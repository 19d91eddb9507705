"""The tools: each does what a page or the interface does, under the same quotas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request
from pydantic import Field

from netopsy.core.errors import lookup
from netopsy.feed import Entry
from netopsy.feed.lists import Period
from netopsy.studies import recipes
from netopsy.web import orders
from netopsy.web.agents import quotation
from netopsy.web.orders import Arguments, Examination, Method, Named, Study
from netopsy.web.pages.paper import entry_named
from netopsy.web.pages.runs import run_numbered
from netopsy.web.pages.search import LONGEST
from netopsy.web.runs.queue import RunRow
from netopsy.web.site import address_of, site_of

MANY, MOST = 50, 500
"""How many papers a list has that has no end, and any list."""
PERIODS: Mapping[str, Period] = {"top week": "week", "top month": "month"}


class Search(Arguments):
    """What is searched for."""

    query: str = Field(
        min_length=1,
        max_length=LONGEST,
        description='Words, "phrases", -words, author:NAME, room:NAME, day:A..B, verdict:holds, runnable:',
    )
    limit: int = Field(default=10, ge=1, le=100, description="At most this many papers.")


class Listed(Arguments):
    """Which list is read."""

    day: str = Field(
        default="today",
        max_length=20,
        description="today, a day (2026-11-28), an ISO week (2026-W48), a month (2026-11), trending, top week or top "
        "month.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description=f"At most this many papers; without it {MANY} of what is trending or on top, {MOST} of the others.",
    )


class Nothing(Arguments):
    """Nothing at all."""


class Run(Arguments):
    """Which run is meant."""

    run: str = Field(max_length=LONGEST, description="The number that a run was given.")


@dataclass(frozen=True)
class AgentTool:
    """Something that an agent may ask for."""

    does: Callable[[Request, Any], dict[str, Any]]
    takes: type[Arguments]
    description: str
    changes: bool = False
    """Whether it does more than to read."""


def search_papers(request: Request, given: Search) -> dict[str, Any]:
    """The papers nearest to what is typed, and whether more than words were looked at."""
    found, meaning = site_of(request).search(given.query, given.limit)
    return {"papers": [quotation.paper(hit.to_json()) for hit in found], "meaning": meaning}


def papers_of_day(request: Request, given: Listed) -> dict[str, Any]:
    """The papers of a list."""
    site, what, told = site_of(request), " ".join(given.day.split()), {}
    now, found = site.now(), list[Entry]()
    if what == "today":
        day, found = site.feed.today(now=now)
        told = {"day": day.isoformat()}
    elif what == "trending":
        found = site.feed.trending(given.limit or MANY, now=now)
    elif what.startswith("top "):
        period = lookup("list", what, PERIODS)
        found = site.feed.top(period, given.limit or MANY, now=now)
    else:
        by = site.feed.week if "W" in what else site.feed.month if len(what) == len("2026-11") else site.feed.day
        found = by(what, now=now)
    shown = [quotation.paper(each.to_json()) for each in found[: given.limit or MOST]]
    return told | {"papers": shown, "left_out": len(found) - len(shown)}


def get_paper(request: Request, given: Named) -> dict[str, Any]:
    """A paper, how its claims stand, and whether it can be run."""
    site = site_of(request)
    entry = entry_named(site, given.paper)
    return quotation.paper(entry.to_json()) | {
        "page": site.settings.base_url + address_of(entry),
        "claims": dict(site.counts(entry.slug)),
        "runnable": entry.slug in recipes(),
    }


def get_evidence(request: Request, given: Named) -> dict[str, Any]:
    """The recorded evidence of a paper."""
    site = site_of(request)
    found = site.shown_evidence().get(entry_named(site, given.paper).slug or "")
    if found is None:
        raise HTTPException(404, "There is no recorded evidence of this paper.")
    return found.to_json()


def list_runnable(request: Request, given: Nothing) -> dict[str, Any]:
    """What can be run, with its samples and options."""
    return orders.runnable(request)


def run_method(request: Request, given: Method) -> dict[str, Any]:
    """Put a run of a paper's method on samples or small files into the queue."""
    return _told(request, orders.run_method(request, given))


def run_study(request: Request, given: Study) -> dict[str, Any]:
    """Put the re-test of a paper's claims into the queue."""
    return _told(request, orders.run_study(request, given))


def examine_network(request: Request, given: Examination) -> dict[str, Any]:
    """Put the examination of a sample network into the queue."""
    return _told(request, orders.examine_network(request, given))


def run_status(request: Request, given: Run) -> dict[str, Any]:
    """How far a run is."""
    return _told(request, run_numbered(request, given.run))


def cancel_run(request: Request, given: Run) -> dict[str, Any]:
    """End a run."""
    return _told(request, orders.cancel(request, run_numbered(request, given.run)))


def get_result(request: Request, given: Run) -> dict[str, Any]:
    """What came of a run."""
    site, found = site_of(request), run_numbered(request, given.run)
    files, told = orders.result(site, found)
    return orders.status(site, found) | {"files": files, **quotation.quoted(told)}


def _told(request: Request, found: RunRow) -> dict[str, Any]:
    site = site_of(request)
    return orders.status(site, found) | quotation.quoted(orders.news(site, found))


TOOLS: Mapping[str, AgentTool] = {
    "search_papers": AgentTool(search_papers, Search, "Search papers by words and by meaning, best first."),
    "papers_of_day": AgentTool(papers_of_day, Listed, "List the papers of a day, week or month, or what is trending."),
    "get_paper": AgentTool(get_paper, Named, "Read about a paper, how its claims stand, and whether it can be run."),
    "get_evidence": AgentTool(
        get_evidence, Named, "Read what re-testing a paper's claims gave: each verdict with its criterion and interval."
    ),
    "list_runnable": AgentTool(
        list_runnable, Nothing, "List what can be run here: methods with their samples and options, studies, a network."
    ),
    "run_method": AgentTool(
        run_method,
        Method,
        "Run a paper's method on samples or small files; queued, and counts as a run of the day.",
        True,
    ),
    "run_study": AgentTool(
        run_study, Study, "Re-test a paper's claims. It is queued, and counts as a run of the day.", True
    ),
    "examine_network": AgentTool(
        examine_network, Examination, "Point every instrument that applies at a sample network; queued as a run.", True
    ),
    "run_status": AgentTool(run_status, Run, "Ask how far a run is: queued, running, done, failed or cancelled."),
    "cancel_run": AgentTool(cancel_run, Run, "End a run of one's own; a study keeps its finished cells.", True),
    "get_result": AgentTool(get_result, Run, "Read what came of a run that is done: sentences, numbers, tables."),
}
