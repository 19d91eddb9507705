"""Running papers by the interface, as the forms do: on samples and small files, with results by link."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from netopsy.web import orders
from netopsy.web.orders import Examination, Method, Study
from netopsy.web.pages.runs import UNKEPT, run_numbered
from netopsy.web.refusals import refusals
from netopsy.web.runs.queue import RunRow
from netopsy.web.site import site_of


def _unkept(response: Response) -> None:
    response.headers.update(UNKEPT)


router = APIRouter(prefix="/api/v1/runs", responses=refusals(), dependencies=[Depends(_unkept)])
Found = Annotated[RunRow, Depends(run_numbered)]


@router.get("")
def runnable(request: Request) -> dict[str, Any]:
    """What can be run here, with its samples and options."""
    return orders.runnable(request)


@router.post("/method", status_code=202)
def run_method(request: Request, given: Method) -> dict[str, Any]:
    """Run a paper's method on samples or small files. It is queued, and counts as a run of the day."""
    return _told(request, orders.run_method(request, given))


@router.post("/study", status_code=202)
def run_study(request: Request, given: Study) -> dict[str, Any]:
    """Re-test a paper's claims. It is queued, and counts as a run of the day."""
    return _told(request, orders.run_study(request, given))


@router.post("/examination", status_code=202)
def examine(request: Request, given: Examination) -> dict[str, Any]:
    """Point every instrument that applies at a sample network. It is queued, and counts as a run of the day."""
    return _told(request, orders.examine_network(request, given))


@router.get("/{number}")
def run(request: Request, found: Found) -> dict[str, Any]:
    """How far a run is: queued, running, done, failed or cancelled."""
    return _told(request, found)


@router.get("/{number}/result")
def result(request: Request, found: Found) -> dict[str, Any]:
    """What came of a run that is done: sentences, numbers, tables, and where its files are."""
    site = site_of(request)
    files, told = orders.result(site, found)
    return orders.status(site, found) | told | {"files": files}


@router.post("/{number}/cancel")
def cancel(request: Request, found: Found) -> dict[str, Any]:
    """End a run of one's own; a study keeps its finished cells."""
    return _told(request, orders.cancel(request, found))


def _told(request: Request, found: RunRow) -> dict[str, Any]:
    site = site_of(request)
    return orders.status(site, found) | orders.news(site, found)
