"""The lab's overhead for each cell, and two processes against one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.timing import Bound, Comparison
from netopsy.catalogue import Claim
from netopsy.lab import open_part
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
    return [Cell.of(measure, number=number, work=config.work) for number in range(config.cells)]


def measure(number: int, work: int) -> Rows:
    """Arithmetic in plain Python, which keeps one core busy."""
    return [{"total": sum(each * each % 7 for each in range(work))}]


STUDY = Study(
    paper="lottery-ticket",
    presets={"trivial": Config(CELLS, 1), "busy": Config(16, 8_000_000)},
    plan=plan,
    measures=(measure,),
    judge=lambda tables, config: iter([("timing-1", open_part("time", why="nothing is asked"))]),
    draw=lambda tables, config: {},
    claims=(Claim("timing-1", "none", "none", "none"),),
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
