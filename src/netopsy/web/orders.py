"""What programs may have run: a method, a study, an examination; under the quotas and with the states of the forms."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import FormData, UploadFile

from netopsy.core.errors import InputError, lookup, require
from netopsy.lab.recipes import Input, Option, PaperRecipe
from netopsy.studies import available, recipes
from netopsy.web.pages.paper import entry_named
from netopsy.web.pages.runs import ROWS, asker_of, folder_of, form_named, may_cancel, presets_of
from netopsy.web.pages.search import LONGEST
from netopsy.web.runs import queue
from netopsy.web.runs.forms import EXAMINATION, Form
from netopsy.web.runs.job import Job, JobKind
from netopsy.web.runs.queue import RunRow
from netopsy.web.runs.results import read_results
from netopsy.web.runs.uploads import SEEDS, incoming, job_from
from netopsy.web.security import LARGEST
from netopsy.web.site import Site, site_of
from netopsy.web.visitor import visitor_of

INPUTS = 10
"""More than any recipe has."""
NAME = "Its slug such as grokking, its arXiv number, or its DOI."


class Arguments(BaseModel):
    """What is asked with; anything else is refused."""

    model_config = ConfigDict(extra="forbid")


class Named(Arguments):
    """Which paper is meant."""

    paper: str = Field(max_length=LONGEST, description=NAME)


class SentFile(Arguments):
    """A small file of one's own in place of a sample."""

    input: int = Field(default=0, ge=0, lt=INPUTS, description="For which of the inputs, counted from 0.")
    name: str = Field(max_length=LONGEST, description="Its name; what it is follows from the ending, such as .csv.")
    content: str = Field(
        description=f"Its bytes in base64. A request has at most {LARGEST:,} bytes; the page takes larger files."
    )
    architecture: str = Field(default="", max_length=40, description="Of weights: the kind of network.")
    sizes: dict[str, str | int] = Field(default={}, description="Of weights: the sizes of the network by name.")
    mean: str = Field(default="", description="Of weights: what was taken off the pixels of its images.")
    std: str = Field(default="", description="Of weights: what they were divided by then.")


class Examination(Arguments):
    """Which network is examined."""

    samples: list[str] = Field(
        default=[],
        max_length=INPUTS,
        description="For each input the name of a sample, in order; the first if left out.",
    )
    files: list[SentFile] = Field(default=[], max_length=INPUTS, description="Files for inputs, in place of samples.")
    seed: int = Field(default=0, ge=0, lt=SEEDS)


class Method(Examination, Named):
    """What is run of a paper."""

    options: dict[str, str | int | float] = Field(default={}, description="Options by name; see what can be run.")


class Study(Named):
    """Whose claims are re-tested."""

    preset: str = Field(default="smoke", max_length=40, description="How large: smoke, or laptop where that is told.")


def run_method(request: Request, given: Method) -> RunRow:
    """Put a run of a paper's method on samples or small files into the queue."""
    slug = _slug(request, given.paper)
    lookup("paper that can be run", slug, recipes())
    form = form_named(slug)
    options = {name: str(value) for name, value in given.options.items()}
    form.recipe.values(options)
    return _begun_with_files(request, "recipe", form, given, options)


def run_study(request: Request, given: Study) -> RunRow:
    """Put the re-test of a paper's claims into the queue."""
    slug, presets = _slug(request, given.paper), presets_of(visitor_of(request))
    lookup("study", slug, available())
    preset = lookup("preset", given.preset, {each: each for each in presets})
    return _begun(request, Job("study", slug, preset=preset))


def examine_network(request: Request, given: Examination) -> RunRow:
    """Put the examination of a sample network, or of one's own weights, into the queue."""
    return _begun_with_files(request, "examination", form_named(EXAMINATION), given, {})


def cancel(request: Request, found: RunRow) -> RunRow:
    """End a run of one's own; a study keeps its finished cells."""
    site = site_of(request)
    if not may_cancel(visitor_of(request), found):
        raise HTTPException(403, "This run is another visitor's.")
    queue.cancel(site.feed.engine, found.id, now=site.now())
    return queue.find(site.feed.engine, found.id) or found


def runnable(request: Request) -> dict[str, Any]:
    """What can be run, with its samples and options."""
    hidden = site_of(request).hidden()
    return {
        "methods": [{"paper": slug} | _told(form_named(slug).recipe) for slug in recipes() if slug not in hidden],
        "studies": sorted(set(available()) - hidden),
        "presets": list(presets_of(visitor_of(request))),
        "examination": _told(form_named(EXAMINATION).recipe),
    }


def status(site: Site, found: RunRow) -> dict[str, Any]:
    """How far a run is, without what others wrote."""
    moments: Mapping[str, datetime | None] = {
        name: getattr(found, name) for name in ("created", "started", "ended", "expires")
    }
    return {
        "run": found.id,
        "page": f"{site.settings.base_url}/runs/{found.id}",
        "kind": found.job.kind,
        "paper": found.job.paper,
        "state": found.state,
        "waiting_in_front": found.ahead,
        **{name: moment and moment.isoformat() for name, moment in moments.items()},
    }


def news(site: Site, found: RunRow) -> dict[str, Any]:
    """What a run says: why it ended, and where it is."""
    told = queue.events(site.feed.engine, found.id) if found.state == "running" else []
    progress = next((each.data for each in reversed(told) if each.kind == "progress"), None)
    return {"said": found.said, "progress": progress}


def result(site: Site, found: RunRow) -> tuple[list[str], dict[str, Any]]:
    """The addresses of the files that came of a run, and what is in them; of long tables the beginning.

    Raises:
        InputError: it is not done.
    """
    if found.state != "done":
        raise InputError(f"this run is {found.state}, and only one that is done has a result")
    told = read_results(folder_of(site) / found.id)
    if told is None:
        raise HTTPException(404, "The results of this run are not there any more.")
    whole = {finding["title"]: max(0, len(finding["table"]) - 1) for finding in told["findings"]}
    findings = [finding | {"table": finding["table"][: ROWS + 1]} for finding in told["findings"]]
    place = f"{site.settings.base_url}/runs/{found.id}/files/"
    return [place + name for name in told["files"]], {**told, "findings": findings, "rows": whole}


def _slug(request: Request, name: str) -> str:
    return entry_named(site_of(request), name).slug or name


def _begun_with_files(
    request: Request, kind: JobKind, form: Form, given: Examination, options: Mapping[str, str]
) -> RunRow:
    with incoming(folder_of(site_of(request))) as folder:
        job = job_from(kind, form, _sent(form.recipe, given, options), folder)
        return _begun(request, job, folder if given.files else None)


def _sent(recipe: PaperRecipe, given: Examination, options: Mapping[str, str]) -> FormData:
    """What a browser would send of the same."""
    takes, what = len(recipe.takes), recipe.paper
    require(len(given.samples) <= takes, f"{what} takes {takes} samples, got {len(given.samples)}")
    sent: dict[str, str | UploadFile] = {f"option-{name}": value for name, value in options.items()}
    sent |= {"seed": str(given.seed)} | {f"sample-{place}": name for place, name in enumerate(given.samples)}
    for file in given.files:
        place = file.input
        require(place < takes, f"{what} has inputs 0 to {takes - 1}, and a file is for input {place}")
        require(f"file-{place}" not in sent, f"two files are for input {place}")
        sent[f"file-{place}"] = UploadFile(BytesIO(_bytes(file)), filename=file.name or "no name")
        sent |= {f"{name}-{place}": getattr(file, name) for name in ("architecture", "mean", "std")}
        sent |= {f"size-{place}-{file.architecture}-{name}": str(value) for name, value in file.sizes.items()}
    return FormData(sent)


def _bytes(file: SentFile) -> bytes:
    try:
        return base64.b64decode(file.content, validate=True)
    except ValueError:
        raise InputError(f"the content of the file for input {file.input} must be base64") from None


def _begun(request: Request, job: Job, files: Path | None = None) -> RunRow:
    site = site_of(request)
    asker = asker_of(visitor_of(request))
    number = queue.enqueue(site.feed.engine, job, asker, folder_of(site), files, now=site.now())
    found = queue.find(site.feed.engine, number)
    assert found is not None
    return found


def _told(recipe: PaperRecipe) -> dict[str, Any]:
    return {
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
