"""`netopsy reproduce` re-tests papers, `netopsy evidence` shows what recorded runs found."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.cli.terminal import complain, say
from netopsy.core.errors import require
from netopsy.core.texts import plain

if TYPE_CHECKING:
    from netopsy.lab import Run, Study
    from netopsy.lab.evidence import Evidence


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    app.command()(reproduce)
    app.command()(evidence)


def reproduce(
    papers: Annotated[list[str], typer.Argument(metavar="SLUG...", help="Papers, or studies as package.module:STUDY.")],
    preset: Annotated[str, typer.Option(help="How large: smoke (seconds), laptop (minutes), paper.")] = "laptop",
    seeds: Annotated[int | None, typer.Option(help="Another number of seeds than the preset's.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that measure, one for each core unless given; 0: no others.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="Address of a dask scheduler, such as tcp://host:8786.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again what is already stored.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/SLUG/PRESET unless given.")] = None,
    record: Annotated[bool, typer.Option("--record", help="Also write docs/evidence of the source checkout.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Let --record replace a record of a larger run.")] = False,
) -> int:
    """Re-test what papers claim. Stop it at any time: the same command goes on where it was."""
    from netopsy.cli.progress import shown
    from netopsy.lab import CellsFailedError, StorageError
    from netopsy.lab import run as run_study
    from netopsy.lab.errors import InterruptedRunError, WorkersError
    from netopsy.studies import load

    require(
        out is None or len(papers) == 1, f"--out is the folder of one run, so it takes one paper, got {len(papers)}"
    )
    if any(":" in paper for paper in papers) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # a study of one's own may lie in the working folder
    studies: list[Study[Any]] = [load(paper) for paper in papers]
    for study in studies:
        study.configuration(preset, seeds)
    code = 0
    for study in studies:
        try:
            with shown():
                run = run_study(
                    study,
                    preset,
                    seeds=seeds,
                    out=out,
                    workers=workers,
                    cluster=cluster,
                    fresh=fresh,
                    record=record,
                    replace=replace,
                )
        except CellsFailedError as error:
            for failure in error.failures:
                complain(f"{study.paper}: cell {failure.cell!r} failed: {failure.reason}")
            complain(f"{study.paper}: the other cells are stored; the same command tries again only what failed")
            code = 1
        except (StorageError, WorkersError) as error:
            complain(str(error))
            return 1
        except InterruptedRunError as error:
            complain(f"{error}; the same command goes on from there")
            return 130
        else:
            _show(run)
    return code


def evidence(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what recorded runs found, one line a claim; `netopsy show SLUG` tells the details of one paper."""
    from netopsy.cli.tables import print_rows
    from netopsy.cli.verdicts import COLOURS
    from netopsy.lab.evidence import load_evidence, stale
    from netopsy.lab.verdict_table import measured

    recorded = load_evidence()
    if as_json:
        say(json.dumps([found.to_json() for found in recorded.values()], indent=2, ensure_ascii=False))
        return
    if not recorded:
        say("no run has been recorded yet: netopsy reproduce SLUG --record")
        return
    rows = [
        (verdict["claim"], verdict["verdict"], measured(verdict), mark)
        for found in recorded.values()
        for verdict, mark in zip(found.verdicts, _marks(found, stale(found)), strict=True)
    ]
    print_rows(("claim", "verdict", "estimate", "record"), rows, cut="record", enough=8, styles=COLOURS)
    holding = sum(row[1] == "holds" for row in rows)
    papers = f"{len(recorded)} paper{'s' * (len(recorded) > 1)}"
    say(f"\n{holding} of {len(rows)} claims of {papers} hold. `netopsy show SLUG` tells more.", err=True)


def _marks(found: Evidence, changed: Collection[str]) -> Iterator[str]:
    claims = [verdict["claim"] for verdict in found.verdicts]
    older = "" if set(changed) <= set(claims) else "older than its code"
    return ("criterion changed" if claim in changed else older for claim in claims)


def _show(run: Run) -> None:
    from netopsy.cli.verdicts import print_parts, print_verdict, wide_console

    console = wide_console()
    seeds = f", {run.seeds} seeds" if run.seeds else ""
    console.print(plain(f"{run.paper} ({run.preset}{seeds})"), style="bold", markup=False)
    for verdict in run.verdicts:
        entry = verdict.to_json()
        print_verdict(console, verdict.claim, entry)
        print_parts(console, entry)
    say(f"{run.computed} cells measured now, {run.seconds:.1f} s in all; kept in {run.folder}")
