"""A study of nothing in particular that can be told to be slow, to fail, or to take its worker down.

It lives outside the tests' packages so that worker processes and subprocesses can import it (see `conftest.py`).
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from netopsy.core.drawing import figure
from netopsy.lab import Cell, Study, above, paired_difference, run, runs
from netopsy.lab.plots import lines


@dataclass(frozen=True)
class ToyClaim:
    """A claim as the catalogue has them."""

    id: str = "toy-grows"
    criterion: str = "the paired difference between sizes 3 and 1 is above 0.5"
    paper_value: str = "2"


@dataclass(frozen=True)
class Config:
    """How many seeds; how long a cell takes; where each measurement is noted; which cells misbehave, and how."""

    seeds: int = 4
    sizes: tuple[int, ...] = (1, 2, 3)
    nap: float = 0.0
    log: str = ""
    bad: tuple[str, ...] = field(default=())
    manner: str = "raise"


def plan(config):
    for size in config.sizes:
        for seed in range(config.seeds):
            manner = config.manner if f"size {size} seed {seed}" in config.bad else ""
            options = {"nap": config.nap, "log": config.log, "manner": manner}
            yield Cell.of(measure, size=size, seed=seed, options=options)


def measure(size: int, seed: int, options: dict[str, Any]):
    nap, log, manner = options["nap"], options["log"], options["manner"]
    if log:
        with open(log, "a") as file:
            file.write(f"size {size} seed {seed},{os.getpid()}\n")
    misbehave(manner, log)
    if nap:
        time.sleep(nap)
    noise = math.sin(1000 * seed + size) / 10
    return [{"step": step, "value": size + noise + step / 3, "odd": math.nan if step else 0.1} for step in range(2)]


def misbehave(manner, log):
    if manner == "raise":
        raise ArithmeticError("the toy broke\nin two lines")
    if manner == "die":
        os._exit(7)
    if manner == "die once":
        witness = Path(log + ".died")
        if not witness.exists():
            witness.touch()
            os._exit(7)
    if manner == "spin":
        while True:
            pass


def judge(tables, config):
    sizes = tables.wide("measure", columns="size", step=0)
    yield "toy-grows", above("size 3 less size 1", paired_difference(sizes[3], sizes[1]), 0.5)


def draw(tables, config) -> dict[str, Figure]:
    drawn, axes = figure()
    lines(axes, tables.rows("measure", step=0), x="size")
    return {"growth": drawn}


def study(**changes):
    """The toy with one preset, `smoke`, changed as told."""
    config = Config(**changes)
    return Study("toy", {"smoke": config, "laptop": config}, plan, (measure, threads), judge, draw, (ToyClaim(),))


def threads(number: int):
    """A measure of the process it runs in."""
    import torch

    return [{"threads": torch.get_num_threads(), "variable": os.environ.get("OMP_NUM_THREADS"), "pid": os.getpid()}]


def session(log, out, workers):
    """A whole run of 180 short naps, for a process that is going to be killed.

    The code version is held fixed, so that the test may run while somebody works on the sources.
    """
    runs.code_key = lambda measure: "fixed"
    run(study(log=log, seeds=60, nap=0.02), "smoke", out=out, workers=workers)


_from_outside = {
    "log": os.environ.get("TOY_LOG", ""),
    "nap": float(os.environ.get("TOY_NAP", "0")),
    "seeds": int(os.environ.get("TOY_SEEDS", "4")),
    "bad": tuple(filter(None, os.environ.get("TOY_BAD", "").split(","))),
    "manner": os.environ.get("TOY_MANNER", "raise"),
}
STUDY = study(**_from_outside)
