"""What re-tests a paper: a plan of cells, the measures, a judge and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from matplotlib.figure import Figure

from netopsy.core.arguments import checked_class
from netopsy.core.errors import InputError, lookup, require
from netopsy.lab.cells import Cell, Measure, measured_function
from netopsy.lab.judging import Claim, Part, Verdict, conclude
from netopsy.lab.tables import Tables

C = TypeVar("C")


@checked_class
@dataclass(frozen=True)
class Study(Generic[C]):
    """The re-test of one paper.

    ``presets`` maps ``smoke``, ``laptop`` and ``paper`` to a configuration: a frozen dataclass that holds every number
    of the experiment once, with a field ``seeds: int`` for how many there are.

    ``measures`` are the only slow part: pure functions of typed arguments, defined at the top level of their module so
    that another process can import them. Their rows become one table a measure, in the order of the plan; ``judge``
    yields a claim's id with each part of its answer (`netopsy.lab.judging`), or with a remark. ``claims`` are those of
    the catalogue unless given.
    """

    paper: str
    presets: Mapping[str, C]
    plan: Callable[[C], Iterable[Cell]]
    measures: Sequence[Measure]
    judge: Callable[[Tables, C], Iterator[tuple[str, Part | str]]]
    draw: Callable[[Tables, C], dict[str, Figure]]
    claims: Sequence[Claim] = ()

    def __post_init__(self) -> None:
        for measure in self.measures:
            measured_function(measure)

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
            self.measure(cell)
            twin = seen.setdefault(cell.key(self.paper, ""), cell)
            require(twin is cell, f"the plan of {self.paper} holds the cell {cell.name!r} twice")
        return cells

    def measure(self, cell: Cell) -> Measure:
        """The measure of a cell; raises `UnknownNameError` where the study does not list it."""
        return lookup(f"measure of {self.paper}", cell.measure, {each.__name__: each for each in self.measures})

    def verdicts(self, tables: Tables, config: C) -> list[Verdict]:
        """What the judge says, a verdict for each claim of the paper."""
        from netopsy.catalogue import paper

        return conclude(self.claims or paper(self.paper).claims, self.judge(tables, config))
