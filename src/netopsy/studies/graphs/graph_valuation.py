"""Do structure and features tell what a graph is worth? Falahati and Mohammadi Amiri 2024 re-tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from netopsy.lab import Cell, Rows, Study
from netopsy.studies.graphs._valuation_data import DIGITS, GRAPHS, known_sets
from netopsy.studies.graphs._valuation_figures import draw
from netopsy.studies.graphs._valuation_measures import cost, disentangled, estimates, relevance, structure, useful
from netopsy.studies.graphs._valuation_verdicts import judge


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 10
    """Of rewired copies, of each of the graphs."""
    graphs: tuple[str, ...] = GRAPHS
    fractions: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.4)
    """Shares of edges that are rewired."""
    draws: int = 5
    """Of buyers and sellers, for every three neighbouring classes."""
    sets: tuple[str, ...] = (DIGITS, "cora", "citeseer")
    """Those that are not on this machine are left out; the digits are judged."""
    copies: int = 10
    """Of a graph with features, in each run of graph-valuation-3."""
    rewired: float = 0.2
    runs: int = 5
    """Of graph-valuation-3 and graph-valuation-4."""
    starts: tuple[int, ...] = (0, 2, 4, 6, 8)
    """First of the buyer's three classes in graph-valuation-4."""
    epochs: int = 100
    counts: tuple[int, ...] = (8, 16, 32, 64, 128, 256)
    """Signals, and directions, from which S is estimated."""
    hubs: int = 600
    """Nodes of the graphs for this."""
    sizes: tuple[int, ...] = (125, 250, 500, 1000, 2000)
    rounds: int = 3


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each graph and seed, each data set and draw, each run; one for the cost."""
    for seed in range(config.seeds):
        for graph in config.graphs:
            yield Cell(
                f"{graph} {seed}",
                {"kind": "structure", "graph": graph, "seed": seed, "fractions": config.fractions},
            )
    for name in known_sets(config.sets):
        for seed in range(config.draws):
            yield Cell(f"sellers of {name} {seed}", {"kind": "relevance", "data": name, "seed": seed})
    for seed in range(config.runs):
        numbers = {"seed": seed, "copies": config.copies, "fraction": config.rewired}
        yield Cell(f"changes {seed}", {"kind": "disentangle", **numbers})
        yield Cell(f"gains {seed}", {"kind": "useful", "seed": seed, "starts": config.starts, "epochs": config.epochs})
    for seed in range(3):
        yield Cell(
            f"estimates {seed}", {"kind": "estimates", "seed": seed, "nodes": config.hubs, "counts": config.counts}
        )
    yield Cell("cost", {"kind": "cost", "sizes": config.sizes, "rounds": config.rounds})


def measure(cell: Cell) -> Rows:
    """Rows of one of six kinds."""
    given = dict(cell.parameters)
    kind = given.pop("kind")
    call: Any = {
        "structure": structure,
        "relevance": relevance,
        "disentangle": disentangled,
        "useful": useful,
        "estimates": estimates,
        "cost": cost,
    }[kind]
    return [{"measure": kind, **row} for row in call(**given)]


STUDY = Study(
    paper="graph-valuation",
    presets={
        "smoke": Config(
            seeds=3,
            graphs=("karate", "random"),
            fractions=(0.0, 0.05, 0.4),
            draws=1,
            sets=(DIGITS,),
            copies=2,
            runs=3,
            starts=(0,),
            epochs=5,
            counts=(8, 16),
            hubs=60,
            sizes=(30, 60),
            rounds=1,
        ),
        "laptop": Config(),
        "paper": Config(
            seeds=50,
            draws=20,
            sets=(DIGITS, "cora", "citeseer", "pubmed"),
            copies=50,
            runs=20,
            starts=tuple(range(10)),
            epochs=200,
            sizes=(125, 250, 500, 1000, 2000, 4000),
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce graph-valuation``."""
