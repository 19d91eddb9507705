"""The lab's overhead for each cell, and two processes against one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import Bound, Comparison
from netopsy.lab.cells import Cell, Rows
from netopsy.lab.runs import run
from netopsy.lab.study import Study

CELLS = 200


@dataclass(frozen=True)
class Config:
    """How many cells, and how much arithmetic in each."""

    cells: int
    work: int


def plan(config: Config) -> list[Cell]:
    """As many cells as wanted."""
    return [Cell(f"cell {number}", {"number": number, "work": config.work}) for number in range(config.cells)]


def measure(cell: Cell) -> Rows:
    """Arithmetic in plain Python, which keeps one core busy."""
    total = 0
    for number in range(cell.parameters["work"]):
        total += number * number % 7
    return [{"number": cell.parameters["number"], "total": total}]


STUDY = Study(
    paper="lottery-ticket",
    presets={"trivial": Config(CELLS, 1), "busy": Config(16, 8_000_000)},
    plan=plan,
    measure=measure,
    judge=lambda rows, config: [],
    draw=lambda rows, config: {},
)


def benchmarks() -> Iterator[Bound | Comparison]:
    """Every run starts in an empty folder and starts its workers anew."""
    yield Bound("lab_200_trivial_cells", lambda: _run("trivial", 2), seconds=0.010 * CELLS)
    yield Comparison(
        "lab_two_processes_vs_one",
        lambda: _run("busy", 2),
        lambda: _run("busy", 1),
        target=1 / 1.7,
        peer_name="one process",
        rounds=3,
    )


def _run(preset: str, workers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(STUDY, preset, out=Path(folder) / "run", workers=workers)
