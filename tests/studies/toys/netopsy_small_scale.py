"""The cells of the presets of the papers' own scale, with networks, images and lengths that take a second.

It lives outside the tests' packages so that worker processes can import it (see `conftest.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any
from unittest import mock

import lightning_fabric  # noqa: F401  # training asks for it: once for all workers as well

from netopsy.data import hub_dataset
from netopsy.lab import Cell, Rows, Study, exact
from netopsy.lab.cells import measured
from netopsy.lab.subjects import tickets
from netopsy.models import mlp, resnet
from netopsy.studies import load

HUB, FEW = "owner/colours", "owner/few"
DATA = f"hub:{HUB}"
SIDE = 8
SHALLOW = partial(resnet, 8, width=4)


def lottery_ticket(module: Any, config: Any) -> Any:
    own = module.SETTINGS["resnet20-warmup"]
    recipe = replace(own.recipe, steps=4, batch_size=20, warmup=2, milestones=(2, 3))
    module.SETTINGS["small"] = replace(own, data=DATA, network=SHALLOW, recipe=recipe)
    return replace(config, seeds=1, rounds=1, compared=(1,), matched=1, sparse=1, evaluate_every=4)


def late_rewinding(module: Any, config: Any) -> Any:
    own = module.SETTINGS["resnet20-high"]
    recipe = replace(own.recipe, steps=4, batch_size=20, milestones=(2, 3))
    module.SETTINGS["small"] = replace(own, data=DATA, network=SHALLOW, recipe=recipe, steps=(0, 2), early=1, late=2)
    return replace(config, seeds=1, rounds=1, judged=1, compared=(1,))


def lottery_jackpots(module: Any, config: Any) -> Any:
    own = module.SETTINGS["resnet32-cifar10"]
    module.SETTINGS["small"] = replace(own, data=DATA, network=SHALLOW, batch_size=10)
    return replace(config, sparsities=(0.9,), epochs=(1,), training=1, every=2, seeds=1)


def random_search_sparse(module: Any, config: Any) -> Any:
    own = module.SETTINGS["mlp-mnist"]
    network = partial(mlp, [3 * SIDE * SIDE, 32, 32, 10], initialisation="he_normal")
    recipe = replace(own.recipe, steps=6, batch_size=20)
    module.SETTINGS["small"] = replace(own, data=DATA, network=network, recipe=recipe, candidates=4)
    return replace(config, sparsities=(0.9,), seeds=1, evaluate_every=3)


def transformable_architecture_search(module: Any, config: Any) -> Any:
    own = module.SETTINGS["resnet32-cifar100"]
    small = replace(own, data=DATA, widths=(4, 8, 16), blocks=1, classes=10, size=SIDE)
    module.SETTINGS["small"] = small
    few: dict[str, Any] = {"budgets": (0.5,), "seeds": 1, "budget_seeds": 1, "randoms": 1, "batch_size": 20}
    return replace(config, setting="small", budget_setting="small", budget_epochs=1, search_epochs=1, epochs=1, **few)


def random_pruning(module: Any, config: Any) -> Any:
    beyond = replace(config.beyond, seeds=1, width=4, matched=2, foreign=FEW)
    training = replace(config.training, data=FEW, epochs=1, batch_size=60)
    few: dict[str, Any] = {"widths": (2, 4), "compared": (2, 4), "densities": (0.3,), "density": 0.3}
    return replace(config, seeds=1, training=training, depth=8, depths=(), beyond=beyond, **few)


SMALL = {
    "lottery-ticket": lottery_ticket,
    "late-rewinding": late_rewinding,
    "lottery-jackpots": lottery_jackpots,
    "random-search-sparse": random_search_sparse,
    "transformable-architecture-search": transformable_architecture_search,
    "random-pruning": random_pruning,
}
STUDIES = {paper: load(paper) for paper in SMALL}
"""Loaded with this module, by the process that workers are forked from: once for all of them."""


def cells_of(paper: str) -> list[Cell]:
    """The cells of a paper's own scale, made small."""
    study = STUDIES[paper]
    config: Any = SMALL[paper](sys.modules[study.plan.__module__], study.configuration("paper"))
    if hasattr(config, "settings"):
        config = replace(config, settings=("small",))
    return study.cells(config)


read_once = cache(hub_dataset)
"""The sets are large, for five thousand images of each are kept for validation."""


def small(paper: str, place: int, data: str) -> Rows:
    """The rows of one cell, by the study's own measure, each with the measure's name.

    Worker processes may have been started before ``data`` was made known.
    """
    os.environ["NETOPSY_DATA"] = data
    cell = cells_of(paper)[place]
    with mock.patch.object(tickets, "hub_dataset", read_once):
        rows = measured(STUDIES[paper].measure(cell), cell)
    for row in rows:
        yield {"of": cell.measure, "entries": len(row), "value": float(row.get("value", row.get("accuracy", 0.0)))}


@dataclass(frozen=True)
class Config:
    """One cell of every kind."""

    seeds: int = 1


@dataclass(frozen=True)
class Claim:
    """A claim as the catalogue has them."""

    id: str = "small-scale"
    criterion: str = "every cell has rows"
    paper_value: str = ""


def plan(_: Config) -> Iterator[Cell]:
    for paper in SMALL:
        seen = set()
        for place, cell in enumerate(cells_of(paper)):
            if cell.measure not in seen:
                seen.add(cell.measure)
                yield Cell.of(small, paper=paper, place=place, data=os.environ["NETOPSY_DATA"])


def judge(tables: Any, _: Config) -> Iterator[Any]:
    yield "small-scale", exact("papers without rows", float(len(SMALL) - tables.rows("small")["paper"].nunique()))


STUDY = Study(
    "small-scale",
    {name: Config() for name in ("smoke", "laptop", "paper")},
    plan,
    (small,),
    judge,
    lambda tables, config: {},
    (Claim(),),
)
