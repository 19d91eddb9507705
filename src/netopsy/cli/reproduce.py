"""`netopsy reproduce` re-tests papers, `netopsy evidence` shows what recorded runs found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.core.errors import require

if TYPE_CHECKING:
    from rich.table import Table

    from netopsy.lab import Run, Study


NARROW = 100
"""Columns of a terminal below which a table of verdicts leaves out its long texts."""


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
                )
        except CellsFailedError as error:
            for failure in error.failures:
                _complain(f"{study.paper}: cell {failure.cell!r} failed: {failure.reason}")
            _complain(f"{study.paper}: the other cells are stored; the same command tries again only what failed")
            code = 1
        except (StorageError, WorkersError) as error:
            _complain(str(error))
            return 1
        except InterruptedRunError as error:
            _complain(f"{error}; the same command{' without --fresh' * fresh} goes on from there")
            return 130
        else:
            _show(run)
    return code


def evidence(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the verdicts of all recorded runs."""
    from netopsy.lab.evidence import load_evidence

    recorded = load_evidence()
    if as_json:
        fields = ("paper", "preset", "seeds", "seconds", "environment", "verdicts")
        entries = [{field: getattr(found, field) for field in fields} for found in recorded.values()]
        typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    if not recorded:
        typer.echo("no run has been recorded yet: netopsy reproduce SLUG --record")
        return
    table = _table("Recorded runs", ("Paper", "Preset"))
    for found in recorded.values():
        _add(table, found.verdicts, (found.paper, found.preset))
    _print(table)


def _show(run: Run) -> None:
    table = _table(f"{run.paper} ({run.preset}{f', {run.seeds} seeds' if run.seeds else ''})", ())
    _add(table, [verdict.to_json() for verdict in run.verdicts], ())
    _print(table)
    typer.echo(f"{run.computed} cells measured now, {run.seconds:.1f} s in all; kept in {run.folder}")


def _table(title: str, before: Iterable[str]) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in (*before, "Claim", "Verdict"):
        table.add_column(name, overflow="fold")
    for name in ("Estimate", "95% interval", "Paper"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("Criterion", overflow="fold", ratio=1)
    return table


def _add(table: Table, verdicts: Iterable[Mapping[str, Any]], before: tuple[str, ...]) -> None:
    from rich.text import Text

    colours = {"holds": "green", "does not hold": "red", "undecided": "yellow"}
    for verdict in verdicts:
        low, high = verdict["interval"] or (None, None)
        interval = "" if low is None and high is None else f"{_number(low)} to {_number(high)}"
        table.add_row(
            *map(Text, (*before, verdict["claim"])),
            Text(verdict["verdict"], style=colours.get(verdict["verdict"], "")),
            Text(_number(verdict["estimate"])),
            Text(interval),
            Text(_number(verdict["paper_value"])),
            Text(verdict["criterion"]),
        )


def _number(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _print(table: Table) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    narrow = console.width < NARROW
    if narrow:
        del table.columns[-2:]
    console.print(table)
    if narrow:
        typer.echo("(a wider terminal adds the criteria and the papers' values, and so does netopsy show SLUG)")


def _complain(message: str) -> None:
    typer.echo(f"netopsy: {message}", err=True)
