"""Do noisy labels help to find the cluster around a node, and is it local? Back de Luca et al. 2024 re-tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

from netopsy.lab import Cell, Rows, Study
from netopsy.studies.graphs._noisy_figures import draw
from netopsy.studies.graphs._noisy_graphs import DIGITS, attributed, known_graphs
from netopsy.studies.graphs._noisy_measures import Blocks, by_accuracy, by_class, by_eps, by_size
from netopsy.studies.graphs._noisy_verdicts import judge


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    """Random graphs of the block model."""
    blocks: Blocks = field(default_factory=Blocks)
    starts: int = 20
    """Seed nodes in each graph; in block models each with labels of its own."""
    accuracies: tuple[tuple[float, float], ...] = (
        (0.5, 0.5),
        (0.7, 0.7),
        (0.7, 0.9),
        (0.8, 0.8),
        (0.9, 0.9),
        (0.8, 0.95),
        (0.95, 0.95),
    )
    """How many of the cluster's nodes are labelled 1, and how many others 0."""
    eps: tuple[float, ...] = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0)
    """Weights of edges between different labels; those from 0.01 to 0.1 are judged."""
    draws: int = 10
    """Seeds and samples in each class of a real graph."""
    samples: int = 25
    """Nodes of the class, and as many others, that the classifier learns from."""
    noise: float = 1.0
    """Standard deviation of what is added to the digits' pixels, which are from 0 to 16."""
    step: float = 0.5
    """Between the multiples of the source, in real graphs from 1.5 to 5."""
    passes: int = 100
    real: tuple[str, ...] = (DIGITS, "cora", "citeseer")
    """Those that are not on this machine are left out, and the verdict says so."""
    clusters: int = 5
    """Each is planted in graphs of every size."""
    sizes: tuple[int, ...] = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
    """Nodes of these graphs; each has five times as many edges."""
    rounds: int = 4


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each block model, for each real graph, and for each cluster planted in graphs of growing size."""
    blocks = dataclasses.asdict(config.blocks)
    for seed in range(config.seeds):
        shared = {"blocks": blocks, "seed": seed, "starts": config.starts, "passes": config.passes}
        yield Cell(f"block model {seed}", {"kind": "accuracy", **shared, "accuracies": config.accuracies})
        yield Cell(f"weights {seed}", {"kind": "eps", **shared, "eps": config.eps})
    for name in known_graphs(config.real):
        numbers = {key: getattr(config, key) for key in ("draws", "samples", "noise", "step", "passes")}
        yield Cell(name, {"kind": "real", "graph": name, **numbers})
    for seed in range(config.clusters):
        numbers = {"sizes": config.sizes, "starts": config.starts, "rounds": config.rounds}
        yield Cell(f"growing {seed}", {"kind": "size", "seed": seed, **numbers})


def measure(cell: Cell) -> Rows:
    """Rows of one of four kinds: accuracy, eps, real and size."""
    given = dict(cell.parameters)
    kind = given.pop("kind")
    if kind in ("accuracy", "eps"):
        blocks = Blocks(**given.pop("blocks"))
        rows = by_accuracy(blocks, **given) if kind == "accuracy" else by_eps(blocks, **given)
    elif kind == "real":
        name = given.pop("graph")
        rows = by_class(attributed(name, given.pop("noise")), **given)
        rows = ({"graph": name, **row} for row in rows)
    else:
        rows = by_size(**given)
    return [{"measure": kind, **row} for row in rows]


_SMALL = Blocks(count=4, size=25, inside=0.3, outside=0.03)

STUDY = Study(
    paper="noisy-label-clustering",
    presets={
        "smoke": Config(
            seeds=3,
            blocks=_SMALL,
            starts=2,
            accuracies=((0.5, 0.5), (0.9, 0.9)),
            eps=(0.01, 0.1, 1.0),
            draws=1,
            clusters=3,
            step=1.5,
            passes=10,
            real=(DIGITS,),
            sizes=(500, 1_000, 2_000),
            rounds=2,
        ),
        "laptop": Config(),
        "paper": Config(
            blocks=Blocks(count=20, size=500, inside=0.05, outside=0.005),
            starts=100,
            draws=100,
            step=0.25,
            real=(DIGITS, "cora", "citeseer", "pubmed"),
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce noisy-label-clustering``."""
