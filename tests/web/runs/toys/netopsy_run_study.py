"""A study whose cells take their time."""

import time
from dataclasses import dataclass

from netopsy.lab import Cell, Study, above, mean_interval


@dataclass(frozen=True)
class _Claim:
    id: str = "toy-1"
    criterion: str = "the mean is above 0"
    paper_value: str = "1"


@dataclass(frozen=True)
class _Config:
    seeds: int = 12


def _plan(config):
    for seed in range(config.seeds):
        yield Cell.of(slow_cell, seed=seed)


def slow_cell(seed: int):
    time.sleep(0.2)
    return [{"value": 10.0 + seed}]


def _judge(tables, config):
    yield "toy-1", above("the mean", mean_interval(tables.rows("slow_cell")["value"].tolist()), 0.0)


STUDY = Study("toy", {"smoke": _Config()}, _plan, (slow_cell,), _judge, lambda tables, config: {}, (_Claim(),))
QUICK = Study("toy", {"smoke": _Config(3)}, _plan, (slow_cell,), _judge, lambda tables, config: {}, (_Claim(),))
