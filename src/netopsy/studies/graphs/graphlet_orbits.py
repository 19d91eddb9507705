"""Do walks miss what orbits see, is counting them quick, and do they tell labels better? Windels et al. re-tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.lab import Cell, Rows, Study
from netopsy.studies.graphs._orbit_figures import draw
from netopsy.studies.graphs._orbit_measures import FAMILIES, REAL, costs, predictions, subset
from netopsy.studies.graphs._orbit_networks import FIXED
from netopsy.studies.graphs._orbit_verdicts import judge


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    random_graphs: int = 51
    """On which the identity is checked, a third of each family."""
    sizes: tuple[int, ...] = (1000, 2000, 5000, 10000, 20000)
    """Nodes of the graphs that are counted for their cost."""
    attached: int = 10
    """Edges that each of their nodes comes with."""
    graphs: tuple[str, ...] = ("karate", "roles", "blocks", "digits")
    """Whose labels are predicted."""
    windows: tuple[int, ...] = (1, 2, 3, 5, 10)
    dim: int = 128
    folds: int = 5
    inner: int = 3
    """Folds of the training part on which the orbit and the window are chosen."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each kind of graph, for the cost, and for each graph with labels; a fixed one with all seeds."""
    for family in (*FAMILIES, REAL):
        yield Cell(f"walks on {family} graphs", {"family": family, "graphs": config.random_graphs // len(FAMILIES)})
    yield Cell("cost", {"sizes": config.sizes, "attached": config.attached})
    for graph in config.graphs:
        names = ("windows", "dim", "folds", "inner")
        numbers = {name: getattr(config, name) for name in names}
        every = tuple(range(config.seeds))
        for seeds in [every] if graph in FIXED else [(seed,) for seed in every]:
            runs = "all runs" if graph in FIXED else f"run {seeds[0]}"
            yield Cell(f"labels of {graph}, {runs}", {"name": graph, "seeds": seeds, **numbers})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds identity and explained; growth and network; or chosen and candidate."""
    given = cell.parameters
    if "family" in given:
        return list(subset(**given))
    if "sizes" in given:
        return list(costs(**given))
    return list(predictions(**given))


STUDY = Study(
    paper="graphlet-orbits",
    presets={
        "smoke": Config(
            seeds=3, random_graphs=6, sizes=(200, 400), graphs=("karate",), windows=(1, 3), dim=8, folds=2, inner=2
        ),
        "laptop": Config(),
        "paper": Config(seeds=10, graphs=("karate", "roles", "blocks", "digits", "cora", "citeseer", "pubmed")),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce graphlet-orbits``."""
