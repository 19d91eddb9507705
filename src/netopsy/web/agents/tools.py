"""The tools: each does what a page or the interface does, under the same quotas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import FormData

from netopsy.core.errors import InputError, lookup, require
from netopsy.feed import Entry
from netopsy.feed.lists import Period
from netopsy.lab.recipes import Input, Option
from netopsy.studies import recipes
from netopsy.web.agents import quotation
from netopsy.web.pages.paper import entry_named
from netopsy.web.pages.runs import ROWS, asker_of, folder_of, form_named, run_numbered
from netopsy.web.pages.search import LONGEST
from netopsy.web.runs import queue
from netopsy.web.runs.queue import RunRow
from netopsy.web.runs.results import read_results
from netopsy.web.runs.uploads import SEEDS, job_from
from netopsy.web.site import Site, address_of, site_of
from netopsy.web.visitor import visitor_of

MANY, MOST = 50, 500
"""How many papers a list has that has no end, and any list."""
PERIODS: Mapping[str, Period] = {"top week": "week", "top month": "month"}
NAME = "Its slug such as grokking, its arXiv number, or its DOI."


class Arguments(BaseModel):
    """What a tool takes; anything else is refused."""

    model_config = ConfigDict(extra="forbid")


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


class Named(Arguments):
    """Which paper is meant."""

    paper: str = Field(max_length=LONGEST, description=NAME)


class Nothing(Arguments):
    """Nothing at all."""


class Method(Named):
    """What is run."""

    samples: list[str] = Field(
        default=[], max_length=10, description="For each input the name of a sample, in order; the first if left out."
    )
    options: dict[str, str | int | float] = Field(default={}, description="Options by name; see list_runnable.")
    seed: int = Field(default=0, ge=0, lt=SEEDS)


class Run(Arguments):
    """Which run is meant."""

    run: str = Field(max_length=LONGEST, description="The number that run_method gave.")


@dataclass(frozen=True)
class AgentTool:
    """Something that an agent may ask for."""

    does: Callable[[Request, Any], dict[str, Any]]
    takes: type[Arguments]
    description: str
    changes: bool = False
    """Whether it does more than to read."""


def search_papers(request: Request, given: Search) -> dict[str, Any]:
    """The papers nearest to what is typed."""
    found = site_of(request).search(given.query, given.limit)
    return {"papers": [quotation.paper(hit.to_json()) for hit in found]}


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
    hidden = site_of(request).hidden()
    return {"methods": [_method(slug) for slug in recipes() if slug not in hidden]}


def run_method(request: Request, given: Method) -> dict[str, Any]:
    """Put a run of a paper's method on samples into the queue."""
    site, slug = site_of(request), entry_named(site_of(request), given.paper).slug or given.paper
    lookup("paper that can be run", slug, recipes())
    form = form_named(slug)
    takes = len(form.recipe.takes)
    require(len(given.samples) <= takes, f"{slug} takes {takes} samples, got {len(given.samples)}")
    options = {name: str(value) for name, value in given.options.items()}
    form.recipe.values(options)
    sent = {f"option-{name}": value for name, value in options.items()} | {"seed": str(given.seed)}
    sent |= {f"sample-{place}": name for place, name in enumerate(given.samples)}
    folders = folder_of(site)
    job = job_from("recipe", form, FormData(sent), folders)
    number = queue.enqueue(site.feed.engine, job, asker_of(visitor_of(request)), folders, None, now=site.now())
    return run_status(request, Run(run=number))


def run_status(request: Request, given: Run) -> dict[str, Any]:
    """How far a run is."""
    site, found = site_of(request), run_numbered(request, given.run)
    news = queue.events(site.feed.engine, found.id) if found.state == "running" else []
    progress = next((each.data for each in reversed(news) if each.kind == "progress"), None)
    return _told(site, found) | quotation.quoted({"said": found.said, "progress": progress})


def get_result(request: Request, given: Run) -> dict[str, Any]:
    """What came of a run."""
    site, found = site_of(request), run_numbered(request, given.run)
    if found.state != "done":
        raise InputError(f"this run is {found.state}, and only one that is done has a result")
    told = read_results(folder_of(site) / found.id)
    if told is None:
        raise HTTPException(404, "The results of this run are not there any more.")
    whole = {finding["title"]: len(finding["table"]) - 1 for finding in told["findings"]}
    findings = [finding | {"table": finding["table"][: ROWS + 1]} for finding in told["findings"]]
    place = f"{site.settings.base_url}/runs/{found.id}/files/"
    return _told(site, found) | {
        "files": [place + name for name in told["files"]],
        **quotation.quoted({**told, "findings": findings, "rows": whole}),
    }


def _told(site: Site, found: RunRow) -> dict[str, Any]:
    moments: Mapping[str, datetime | None] = {
        name: getattr(found, name) for name in ("created", "started", "ended", "expires")
    }
    return {
        "run": found.id,
        "page": f"{site.settings.base_url}/runs/{found.id}",
        "paper": found.job.paper,
        "state": found.state,
        "waiting_in_front": found.ahead,
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
    }


def _method(slug: str) -> dict[str, Any]:
    recipe = form_named(slug).recipe
    return {
        "paper": slug,
        "does": recipe.title,
        "shows": recipe.shows,
        "inputs": [_input(each) for each in recipe.takes],
        "options": [_option(each) for each in recipe.options],
    }


def _input(wanted: Input) -> dict[str, Any]:
    told = {"kind": wanted.kind, "samples": list(wanted.samples)}
    return told | ({"means": wanted.help} if wanted.help else {})


def _option(option: Option) -> dict[str, Any]:
    told = {"name": option.name, "means": option.label, "default": option.default}
    bounds = {name: value for name, value in (("low", option.low), ("high", option.high)) if abs(value) < 1e300}
    return told | bounds | ({"choices": list(option.choices)} if option.choices else {})


TOOLS: Mapping[str, AgentTool] = {
    "search_papers": AgentTool(search_papers, Search, "Search papers by words and by meaning, best first."),
    "papers_of_day": AgentTool(papers_of_day, Listed, "List the papers of a day, week or month, or what is trending."),
    "get_paper": AgentTool(get_paper, Named, "Read about a paper, how its claims stand, and whether it can be run."),
    "get_evidence": AgentTool(
        get_evidence, Named, "Read what re-testing a paper's claims gave: each verdict with its criterion and interval."
    ),
    "list_runnable": AgentTool(
        list_runnable, Nothing, "List the papers whose methods can be run here, with their samples and options."
    ),
    "run_method": AgentTool(
        run_method, Method, "Run a paper's method on samples. It is queued, and counts as a run of the day.", True
    ),
    "run_status": AgentTool(run_status, Run, "Ask how far a run is: queued, running, done, failed or cancelled."),
    "get_result": AgentTool(get_result, Run, "Read what came of a run that is done: sentences, numbers, tables."),
}
