"""Running a study: measure what is not stored yet, then judge and draw."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from netopsy.core.drawing import style
from netopsy.core.errors import InputError, require
from netopsy.core.progress import Task
from netopsy.lab.backends import Backend, backend
from netopsy.lab.cells import Cell
from netopsy.lab.environment import environment, versions
from netopsy.lab.errors import CellsFailedError, Failure, InterruptedRunError
from netopsy.lab.evidence import Evidence, check_not_larger, checkout_folder, record_evidence
from netopsy.lab.executor import execute
from netopsy.lab.folder import RunFolder, check_folder, opened
from netopsy.lab.judging import Verdict
from netopsy.lab.store import Result
from netopsy.lab.study import Study
from netopsy.lab.tables import Tables
from netopsy.lab.version import code_key, code_keys

C = TypeVar("C")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A complete run: the table of all cells in the order of the plan, the verdicts, and the folder it is kept in.

    ``seconds`` is what its cells took, added up over workers and over all sessions that measured them; ``computed`` is
    how many of the cells were measured now rather than read from the folder.
    """

    paper: str
    preset: str
    seeds: int | None
    folder: Path
    rows: pd.DataFrame
    verdicts: Sequence[Verdict]
    figures: Mapping[str, Path]
    seconds: float
    computed: int
    environment: Mapping[str, Any]


def run(
    study: Study[C],
    preset: str = "laptop",
    *,
    seeds: int | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    fresh: bool = False,
    record: bool = False,
    replace: bool = False,
) -> Run:
    """Re-test a paper, and keep everything in one folder.

    ``out`` is the folder, ``runs/PAPER/PRESET`` unless given. A run that was killed goes on where it was when it is
    started again; with ``fresh`` all is measured anew, and the old run stays until that is done; one that was killed
    goes on too. ``workers`` processes measure the cells, one for each core
    unless given, 0 for the calling process; ``cluster`` is the address of a dask scheduler to use instead. ``record``
    also writes the result into ``docs/evidence`` of the source checkout; a record of a larger preset, or of the same
    with more seeds, gives way to it only with ``replace``.

    Raises `InputError` before any work for what cannot be used, `CellsFailedError` once all other cells are stored,
    `StorageError` if the disk does not take a result, and `InterruptedRunError` (a `KeyboardInterrupt`) on Ctrl-C.
    """
    require(
        isinstance(study, Study), f"study must be a netopsy.lab.Study (netopsy.studies.load gives one), got {study!r}"
    )
    config = study.configuration(preset, seeds)
    cells = study.cells(config)
    path = Path(out) if out is not None else Path("runs") / study.paper / preset
    check_folder(path, study.paper)
    evidence = checkout_folder() if record else None
    require(not record or evidence, "record needs netopsy from a source checkout: evidence is committed there")
    if evidence and not replace:
        check_not_larger(evidence, study.paper, preset, getattr(config, "seeds", None), tuple(study.presets))
    with closing(backend(workers, cluster, study.measures)) as machines, opened(path, study.paper) as folder:
        results, computed = _measure_all(study, cells, folder, machines, fresh)
        done = _conclude(study, preset, config, cells, results, computed, folder)
    if evidence:
        record_evidence(_evidence_of(done, code_keys(study.measures)), evidence)
    return done


def _measure_all(
    study: Study[Any], cells: Sequence[Cell], folder: RunFolder, machines: Backend, fresh: bool
) -> tuple[list[Result], int]:
    """The results of all cells in the order of the plan, and how many had to be measured."""
    codes = {measure.__name__: code_key(measure) for measure in study.measures}
    keys = {cell: cell.key(study.paper, codes[cell.measure]) for cell in cells}
    store = folder.fresh_store() if fresh else folder.store
    found = {cell: store.read(key) for cell, key in keys.items()}
    results = {cell: result for cell, result in found.items() if result is not None}
    missing = [cell for cell in cells if cell not in results]
    now = versions(DECIDING)
    _tell_older(study.paper, [result.versions for result in results.values()], now)
    failures: list[Failure] = []
    if missing and not fresh:
        folder.clear_results()
    with Task(f"measuring {study.paper}", total=len(cells)) as task:
        task.advance(len(results))
        try:
            with closing(execute(study.measure, missing, machines)) as outcomes:
                for cell, outcome in outcomes:
                    if outcome.error:
                        failures.append(Failure(cell.name, outcome.error, outcome.traceback))
                    else:
                        results[cell] = Result(outcome.rows, outcome.seconds, now)
                        store.write(keys[cell], cell, results[cell])
                    task.advance(note=cell.name)
        except KeyboardInterrupt:
            stored = sum(key in store for key in keys.values())
            raise InterruptedRunError(folder.path, stored, len(cells)) from None
    if failures:
        folder.write_failures(failures)
        raise CellsFailedError(failures)
    if fresh:
        folder.take_fresh()
    return [results[cell] for cell in cells], len(missing)


DECIDING = ("torch", "numpy")
"""The libraries whose versions are kept with every cell: another version may give other digits."""


def _tell_older(paper: str, stored: Sequence[Mapping[str, str | None]], now: Mapping[str, str | None]) -> None:
    for name in DECIDING:
        others = Counter(found[name] for found in stored if name in found and found[name] != now[name])
        if others:
            _log.warning(
                "%d of the stored cells of %s were measured with %s %s, and this is %s; fresh (--fresh) measures anew",
                *(sum(others.values()), paper, name, " and ".join(map(str, sorted(others, key=str))), now[name]),
            )


def _conclude(
    study: Study[C],
    preset: str,
    config: C,
    cells: Sequence[Cell],
    results: Sequence[Result],
    computed: int,
    folder: RunFolder,
) -> Run:
    """Judge and draw the whole table, and write it all down."""
    rows = _table(cells, results)
    tables = Tables(row for result in results for row in result.rows)
    seeds, seconds = getattr(config, "seeds", None), sum(result.seconds for result in results)
    circumstances = environment()
    with folder.results() as written, style():
        written.write_rows(rows)
        verdicts = study.verdicts(tables, config)
        written.write_verdicts(verdicts)
        figures = written.write_figures(study.draw(tables, config))
        written.write_environment({**circumstances, "preset": preset, "seeds": seeds, "seconds": seconds})
    return Run(
        paper=study.paper,
        preset=preset,
        seeds=seeds,
        folder=folder.path,
        rows=rows,
        verdicts=verdicts,
        figures={name: folder.path / "figures" / f"{name}.svg" for name in figures},
        seconds=seconds,
        computed=computed,
        environment=circumstances,
    )


def _table(cells: Sequence[Cell], results: Sequence[Result]) -> pd.DataFrame:
    rows = [{"cell": cell.name, **row} for cell, result in zip(cells, results, strict=True) for row in result.rows]
    if not rows:
        raise InputError("the study measured no row")
    return pd.DataFrame(rows)


def _evidence_of(run: Run, code: Mapping[str, str]) -> Evidence:
    return Evidence(
        paper=run.paper,
        preset=run.preset,
        seeds=run.seeds,
        seconds=run.seconds,
        environment=run.environment,
        verdicts=[verdict.to_json() for verdict in run.verdicts],
        figures=run.figures,
        code=code,
    )
