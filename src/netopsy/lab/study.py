"""What re-tests a paper: a plan of cells, a measure, a judge and a figure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from netopsy.core.errors import InputError, lookup, require
from netopsy.lab.cells import Cell, Rows
from netopsy.lab.verdicts import Verdict

C = TypeVar("C")


@dataclass(frozen=True)
class Study(Generic[C]):
    """The re-test of one paper.

    ``presets`` maps ``smoke``, ``laptop`` and ``paper`` to a configuration: a frozen dataclass that holds every number
    of the experiment once, with a field ``seeds: int`` for how many there are.

    ``measure`` is the only slow part: a pure function of its cell, defined at the top level of its module so that
    another process can import it. Its rows become one table, in the order of the plan, with a column ``cell`` for the
    cell's name; ``judge`` and ``draw`` see the whole table and the configuration.
    """

    paper: str
    presets: Mapping[str, C]
    plan: Callable[[C], Iterable[Cell]]
    measure: Callable[[Cell], Rows]
    judge: Callable[[pd.DataFrame, C], list[Verdict]]
    draw: Callable[[pd.DataFrame, C], dict[str, Figure]]

    def configuration(self, preset: str = "laptop", seeds: int | None = None) -> C:
        """The configuration of a preset, with another number of seeds if ``seeds`` says so."""
        config: Any = lookup("preset", preset, self.presets)
        if seeds is None:
            return config
        require(
            isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1,
            f"seeds must be a positive int, got {seeds!r}",
        )
        if "seeds" not in {field.name for field in dataclasses.fields(config)}:
            raise InputError(f"seeds cannot be set for {self.paper}: its study has no number of seeds to change")
        return dataclasses.replace(config, seeds=seeds)

    def cells(self, config: C) -> list[Cell]:
        """The cells of the plan; two that would be the same measurement are an error."""
        cells = list(self.plan(config))
        require(len(cells) > 0, f"the plan of {self.paper} holds no cell")
        seen: dict[str, Cell] = {}
        for cell in cells:
            twin = seen.setdefault(cell.key(self.paper, ""), cell)
            require(twin is cell, f"cells {twin.name!r} and {cell.name!r} of {self.paper} have the same parameters")
        return cells
