"""Running papers from the browser: the forms, and each run with its progress, its results and its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Form, Header, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from netopsy.core.errors import InputError, lookup
from netopsy.studies import available, recipes
from netopsy.web.pages.paper import entry_named
from netopsy.web.pages.paper import paper as paper_page
from netopsy.web.runs import forms, queue
from netopsy.web.runs.child import no_room
from netopsy.web.runs.expiry import runs_folder
from netopsy.web.runs.forms import EXAMINATION
from netopsy.web.runs.inputs import BYTES, ENDINGS
from netopsy.web.runs.job import Job
from netopsy.web.runs.queue import ACCOUNT, ANONYMOUS, LOCAL, Asker, QuotaError, RunRow
from netopsy.web.runs.results import KINDS, read_results, result_file
from netopsy.web.runs.uploads import FIELDS, PART, incoming, job_from
from netopsy.web.security import SANDBOXED, SCRIPTED
from netopsy.web.site import Site, site_of
from netopsy.web.visitor import LOCAL as LOCAL_ACCOUNT
from netopsy.web.visitor import Visitor, check_form, visitor_of

router = APIRouter(include_in_schema=False)
UNKEPT = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
OFTEN = 0.5
"""Seconds between two looks for news of a run."""
LONGEST = 600.0
"""Seconds of a stream; a browser that is still there comes again."""
STREAMS, OF_ONE = 100, 6
"""The most streams that are open at once, and of them a visitor's."""
ROWS = 200
"""Rows of a table that a page shows."""


@router.get("/papers/{slug}/run")
def form(request: Request, slug: str) -> HTMLResponse:
    """What a paper can be run on here."""
    if slug not in {*recipes(), *available()}:
        return paper_page(request, f"{slug}/run")
    return _form(request, slug)


@router.post("/papers/{slug}/run")
async def begin(request: Request, slug: str) -> Response:
    """Put a run into the queue."""
    if slug not in {*recipes(), *available()}:
        raise HTTPException(404)
    return await _begun(request, slug)


@router.get("/examine")
def examine(request: Request) -> HTMLResponse:
    """What the examination of a network wants."""
    return _form(request, EXAMINATION)


@router.post("/examine")
async def begin_examination(request: Request) -> Response:
    """Put an examination into the queue."""
    return await _begun(request, EXAMINATION)


@router.get("/runs/{number}")
def run(request: Request, number: str) -> HTMLResponse:
    """A run: how far it is, or what came of it."""
    site, found = site_of(request), run_numbered(request, number)
    told = read_results(folder_of(site) / found.id) if found.state == "done" else None
    news = queue.events(site.feed.engine, found.id) if found.state == "running" else []
    page = site.page(
        request,
        "run.html",
        run=found,
        heading=_heading(site, found.job),
        back=_place_of(found.job),
        told=told,
        progress=next((each.data for each in reversed(news) if each.kind == "progress"), None),
        own=may_cancel(visitor_of(request), found),
        most_rows=ROWS,
    )
    page.headers.update(UNKEPT)
    return page


@router.post("/runs/{number}/cancel")
def cancel(request: Request, number: str, form_token: Annotated[str, Form(max_length=200)] = "") -> Response:
    """End a run; a study keeps its finished cells."""
    site, found, visitor = site_of(request), run_numbered(request, number), visitor_of(request)
    check_form(visitor, form_token)
    if not may_cancel(visitor, found):
        raise HTTPException(403, "This run is another visitor's.")
    queue.cancel(site.feed.engine, found.id, now=site.now())
    return RedirectResponse(f"/runs/{found.id}", 303, headers=UNKEPT)


@router.get("/runs/{number}/files/{name}")
def file(request: Request, number: str, name: str) -> Response:
    """One of the files that came of a run."""
    site, found = site_of(request), run_numbered(request, number)
    path = result_file(folder_of(site) / found.id, name) if found.state == "done" else None
    if path is None:
        raise HTTPException(404)
    walls = {"Content-Security-Policy": SCRIPTED if path.suffix == ".html" else SANDBOXED}
    return FileResponse(path, media_type=KINDS[path.suffix], headers=UNKEPT | walls)


def _open_stream(request: Request, number: str) -> Iterator[RunRow]:
    """The run of a stream; counted as long as the stream is open."""
    found, who = run_numbered(request, number), visitor_of(request).who
    open_now: Counter[str] = site_of(request).streams
    if open_now.total() >= STREAMS or open_now[who] >= OF_ONE:
        raise HTTPException(503, "Too many pages are following runs at the moment.", {"Retry-After": "5"})
    open_now[who] += 1
    try:
        yield found
    finally:
        open_now[who] -= 1
        if open_now[who] <= 0:
            del open_now[who]


@router.get("/runs/{number}/events", response_class=EventSourceResponse)
async def events(
    request: Request,
    found: Annotated[RunRow, Depends(_open_stream)],
    last_event_id: Annotated[str, Header()] = "",
) -> AsyncIterator[ServerSentEvent]:
    """What happens to a run, as it happens; goes on behind the event that a browser has seen last."""
    site = site_of(request)
    engine = site.feed.engine
    known = last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) < 10
    last, until = int(last_event_id) if known else 0, anyio.current_time() + LONGEST
    while anyio.current_time() < until and not site.closing.is_set():
        now = await run_in_threadpool(queue.find, engine, found.id)
        for each in await run_in_threadpool(queue.events, engine, found.id, last):
            last = each.seq
            yield ServerSentEvent(id=str(last), event=each.kind, data=dict(each.data))
        if now is None or now.state in queue.OVER:
            yield ServerSentEvent(event="over", data={})
            return
        await anyio.sleep(OFTEN)


async def _begun(request: Request, slug: str) -> Response:
    try:
        async with request.form(max_files=4, max_fields=FIELDS, max_part_size=PART) as sent:
            return await run_in_threadpool(_begin, request, slug, sent)
    except OSError as error:
        if not (why := no_room(error)):
            raise
        return await run_in_threadpool(_form, request, slug, why, status=507)


def _begin(request: Request, slug: str, sent: FormData) -> Response:
    site, visitor = site_of(request), visitor_of(request)
    check_form(visitor, str(sent.get("form_token", "")))
    if slug != EXAMINATION:
        entry_named(site, slug)  # a paper that is hidden is run by nobody
    folders = folder_of(site)
    try:
        with incoming(folders) as place:
            job = _job(slug, sent, visitor, place)
            own = place if any(place.iterdir()) else None
            number = queue.enqueue(site.feed.engine, job, asker_of(visitor), folders, own, now=site.now())
    except QuotaError as error:
        return _form(request, slug, f"{error}.", status=429)
    except InputError as error:
        return _form(request, slug, f"{error}.", status=400)
    return RedirectResponse(f"/runs/{number}", 303, headers=UNKEPT)


def _job(slug: str, sent: FormData, visitor: Visitor, place: Any) -> Job:
    if slug == EXAMINATION:
        return job_from("examination", form_named(EXAMINATION), sent, place)
    if sent.get("kind") == "study":
        lookup("study", slug, available())
        presets = presets_of(visitor)
        preset = str(sent.get("preset") or presets[0])
        return Job("study", slug, preset=lookup("preset", preset, {each: each for each in presets}))
    return job_from("recipe", form_named(slug), sent, place)


def _form(request: Request, slug: str, trouble: str = "", *, status: int = 200) -> HTMLResponse:
    site = site_of(request)
    described = form_named(slug) if slug == EXAMINATION or slug in recipes() else None
    page = site.page(
        request,
        "run_form.html",
        status=status,
        slug=slug,
        heading=described.recipe.title if described else "Re-test its claims",
        place="/examine" if slug == EXAMINATION else f"/papers/{slug}/run",
        entry=None if slug == EXAMINATION else entry_named(site, slug),
        recipe=described.recipe if described else None,
        architectures=described.architectures if described else {},
        presets=presets_of(visitor_of(request)) if slug in available() else (),
        endings=ENDINGS,
        most={kind: size // 1_000_000 for kind, size in BYTES.items()},
        trouble=trouble,
    )
    if status != 200 or slug == EXAMINATION:
        page.headers.update(UNKEPT)
    return page


def form_named(slug: str) -> forms.Form:
    """The form of a recipe, or of the examination; 503 with a sentence where it cannot be told."""
    try:
        return forms.form_of(slug)
    except forms.FormError:
        raise HTTPException(503, "This form cannot be made at the moment; it was noted.") from None


def presets_of(visitor: Visitor) -> tuple[str, ...]:
    """How large studies may be that this visitor asks for."""
    return ("smoke", "laptop") if visitor.account is not None else ("smoke",)


def asker_of(visitor: Visitor) -> Asker:
    """Whose quota a run of this visitor counts against."""
    if visitor.account is None:
        return Asker(visitor.who, ANONYMOUS)
    if visitor.account == LOCAL_ACCOUNT:
        return Asker(visitor.who, LOCAL, LOCAL_ACCOUNT)
    return Asker(visitor.who, ACCOUNT, visitor.account)


def may_cancel(visitor: Visitor, found: RunRow) -> bool:
    """Whether a visitor may end a run."""
    return visitor.moderator or visitor.who == found.who


def run_numbered(request: Request, number: str) -> RunRow:
    """The run of that number; 404 with a sentence where there is none."""
    known = len(number) == 32 and number.isascii() and number.isalnum()
    found = queue.find(site_of(request).feed.engine, number) if known else None
    if found is None:
        raise HTTPException(404, "There is no such run, or not any more: results are kept for some days.")
    return found


def folder_of(site: Site) -> Path:
    """Where each run has a folder of its own."""
    return runs_folder(site.feed.engine, site.settings)


def _heading(site: Site, job: Job) -> str:
    known = site.papers.get(job.paper)
    return known.title if known else "A network, examined" if job.kind == "examination" else job.paper


def _place_of(job: Job) -> str:
    return "/examine" if job.kind == "examination" else f"/papers/{job.paper}/run"
