"""A job carried out in this process: a paper's recipe, its study, or the examination of a network."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from netopsy.core.errors import InputError, require
from netopsy.core.finding import Finding, Picture
from netopsy.lab.recipes import NETWORK, PaperRecipe
from netopsy.web.runs.job import Given, Job, JobKind

if TYPE_CHECKING:
    from netopsy.examination.reading import Absence
    from netopsy.examination.result import Examination
    from netopsy.lab.given import Network
    from netopsy.lab.runs import Run

BUDGETS: Mapping[JobKind, float] = {"recipe": 240.0, "examination": 240.0}
"""Seconds that instruments may take together, as one timed batch judges it."""
BY_ITSELF, OVER_ALL = "This picture", ", over held-out images"
"""The headings of a picture's finding, and behind those of the instruments that follow it."""


@dataclass(frozen=True)
class Outcome:
    """What came of a job."""

    title: str
    findings: tuple[tuple[str, Finding], ...]
    """Each with its heading."""
    absences: tuple[str, ...] = ()
    """What could not be shown, and why."""
    examination: Examination | None = None
    """To be written as a report beside them."""
    rows: Path | None = None
    """The table of a study, as Parquet."""


def carry_out(job: Job, folder: Path) -> Outcome:
    """Do what a job asks for; progress goes to whoever listens (`netopsy.core.progress`).

    Args:
        folder: where its files lie, and where a study keeps its cells.

    Raises:
        InputError: no such paper, option or sample, or a file that is not of its kind.
    """
    if job.kind == "study":
        return _study(job, folder)
    if job.kind == "examination":
        return _examination(job, folder)
    return _recipe(job, folder)


def recipe_named(name: str) -> PaperRecipe:
    """The recipe of a paper, by its slug; or one of your own, as ``package.module:RECIPE``.

    Raises:
        InputError: there is none.
    """
    from netopsy.studies import load_recipe

    if ":" not in name:
        return load_recipe(name)
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"recipe {name!r} cannot be loaded: {error}") from None
    require(isinstance(found, PaperRecipe), f"recipe {name!r} must be a PaperRecipe, got {type(found).__name__}")
    recipe: PaperRecipe = found
    return recipe


def _recipe(job: Job, folder: Path) -> Outcome:
    from netopsy.web.runs.inputs import ready

    recipe = recipe_named(job.paper)
    values = recipe.values(job.options)
    require(
        len(job.inputs) <= len(recipe.takes),
        f"{job.paper} takes {len(recipe.takes)} inputs, got {len(job.inputs)}",
    )
    given = [*job.inputs, *[Given()] * (len(recipe.takes) - len(job.inputs))]
    inputs = [ready(wanted, each, folder, job.seed) for wanted, each in zip(recipe.takes, given, strict=True)]
    if recipe.run is None:
        return Outcome(recipe.title, *_instruments_findings(recipe, inputs[0], job))
    own = ((BY_ITSELF if recipe.instruments else recipe.title, recipe.run(*inputs, **values, seed=job.seed)),)
    if not recipe.instruments:
        return Outcome(recipe.title, own)
    found = _examined(inputs[0], job, recipe.instruments, "quick")
    return Outcome(recipe.title, own + _findings(found, OVER_ALL), _absences(found))


def _instruments_findings(
    recipe: PaperRecipe, network: Network, job: Job
) -> tuple[tuple[tuple[str, Finding], ...], tuple[str, ...]]:
    """What instruments alone have found, and what is absent."""
    found = _examined(network, job, recipe.instruments)
    if not found.readings:  # most likely for want of time: less of the same work
        found = _examined(network, job, recipe.instruments, "quick")
    require(found.readings, _reasons(found) or f"{job.paper} has nothing to show of this network")
    return _findings(found), _absences(found)


def _findings(found: Examination, more: str = "") -> tuple[tuple[str, Finding], ...]:
    return tuple((f"{reading.instrument.title}{more}", reading.finding) for reading in found.readings)


def _examination(job: Job, folder: Path) -> Outcome:
    from netopsy.web.runs.inputs import ready

    network = ready(NETWORK, job.inputs[0] if job.inputs else Given(), folder, job.seed)
    found = _examined(network, job)
    told = f"{len(found.readings)} instruments looked at {found.name[:1].lower()}{found.name[1:]}."
    table = [
        ("what was looked at", "what was seen"),
        *((e.instrument.title, e.finding.sentence) for e in found.readings),
    ]
    reading = "The report holds the pictures, the numbers behind each sentence, and lines of Python that reproduce it."
    code = "from netopsy.examination import examine\n\nexamine(model, data).save('report')"
    finding = Finding(f"{told} {found.warning}".strip(), reading, table=tuple(table), code=code)
    return Outcome("The examination of a network", (("At a glance", finding),), _absences(found), found)


def _examined(
    network: Network, job: Job, instruments: tuple[str, ...] = (), depth: Literal["normal", "quick"] = "normal"
) -> Examination:
    from netopsy.examination.examine import examine

    wanted: Any = {"instruments": instruments, "depth": depth, "seed": job.seed, "budget": BUDGETS[job.kind]}
    return examine(**network.as_subject(), **wanted)


def _absences(found: Examination) -> tuple[str, ...]:
    return tuple(f"{each.instrument.title}: {_reason(each)}" for each in found.absences)


def _reasons(found: Examination) -> str:
    return "; ".join(map(_reason, found.absences))


def _reason(absence: Absence) -> str:
    """Why an instrument is absent, without the option of the command line that would bring it in."""
    return absence.reason.partition("; `--")[0].rstrip(".")


def _study(job: Job, folder: Path) -> Outcome:
    from netopsy.lab.runs import run as run_study
    from netopsy.studies import load

    study = load(job.paper)
    done = run_study(study, job.preset or "smoke", out=folder / "study", workers=0)
    return Outcome("The paper's claims, re-tested", (("Claims and verdicts", _verdicts(done)),), rows=_rows(done))


def _rows(done: Run) -> Path:
    return done.folder / "rows.parquet"


def _verdicts(done: Run) -> Finding:
    from netopsy.catalogue import papers
    from netopsy.lab.verdict_table import measured

    claims = {claim.id: claim.text for paper in papers() for claim in paper.claims}
    entries = [verdict.to_json() for verdict in done.verdicts]
    table = [("claim", "answer", "estimate and interval")]
    table += [(claims.get(e["claim"], e["claim"]), str(e["verdict"]), measured(e)) for e in entries]
    holding = sum(each["verdict"] == "holds" for each in entries)
    return Finding(
        sentence=f"{holding} of {len(entries)} claims hold with the preset {done.preset}.",
        reading="A small preset measures little: its intervals are wide, and what it leaves undecided a larger one may "
        "decide. Criteria were fixed before any run.",
        pictures=tuple(
            Picture(path.read_text("utf-8"), f"Figure of the re-test: {name.replace('_', ' ').replace('-', ' ')}")
            for name, path in done.figures.items()
        ),
        figures={"claims": len(entries), "claims that hold": holding, "seconds": round(done.seconds, 1)},
        table=tuple(table),
        code="from netopsy.lab import run\nfrom netopsy.studies import load\n\n"
        f'run(load("{done.paper}"), "{done.preset}")',
    )
