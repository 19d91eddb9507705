"""Does propagation stay useful when it is deep, and does the gate matter? Liu et al. 2020 re-tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.lab import Cell, Rows, Study
from netopsy.studies.graphs._citation import DIGITS, node_task
from netopsy.studies.graphs._dagnn_figures import draw
from netopsy.studies.graphs._dagnn_measures import by_depth, cost, limits
from netopsy.studies.graphs._dagnn_recipes import RECIPES
from netopsy.studies.graphs._dagnn_verdicts import judge


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    graphs: tuple[str, ...] = (DIGITS,)
    epochs: int = 150
    patience: int | None = None
    gcn_depths: tuple[int, ...] = (2, 6, 12, 24)
    residual_depths: tuple[int, ...] = (12,)
    dagnn_depths: tuple[int, ...] = (2, 6, 12, 24, 64)
    compared: int = 12
    """Hops of the DAGNN that is compared with a GCN of two layers, on the digits."""
    gcn_decay: float = 5e-4
    dagnn_decay: float = 5e-3
    dropout: float = 0.5
    """Of DAGNN on the digits, as its decay and hops; citation networks have the paper's recipe for each."""
    networks: tuple[str, ...] = ("karate", "les_miserables")
    """On which the limit of averaging is followed."""
    hops: int = 100
    cost_nodes: tuple[int, ...] = (1000, 2000, 5000, 10000, 20000)
    cost_hops: tuple[int, ...] = (5, 10, 20, 40)


def plan(config: Config) -> Iterable[Cell]:
    """One split of one graph a cell, all networks on it; one cell for the limit, and one for the cost."""
    names = (
        "epochs",
        "patience",
        "gcn_depths",
        "residual_depths",
        "dagnn_depths",
        "gcn_decay",
        "dagnn_decay",
        "dropout",
    )
    for graph in config.graphs:
        numbers = {name: getattr(config, name) for name in names}
        if graph in RECIPES:
            numbers |= {"dagnn_decay": RECIPES[graph].decay, "dropout": RECIPES[graph].dropout}
        for seed in range(config.seeds):
            yield Cell(f"{graph}, run {seed}", {"graph": graph, "seed": seed, **numbers})
    yield Cell("limit", {"networks": config.networks, "hops": config.hops})
    yield Cell("cost", {"nodes": config.cost_nodes, "hops": config.cost_hops})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds accuracy and gate; or limit; or cost."""
    given = cell.parameters
    if "networks" in given:
        return list(limits(given["networks"], given["hops"]))
    if "nodes" in given:
        return list(cost(given["nodes"], given["hops"]))
    task = node_task(given["graph"], given["seed"])
    return [{"graph": given["graph"], "seed": given["seed"], **row} for row in by_depth(task, given, given["seed"])]


STUDY = Study(
    paper="dagnn",
    presets={
        "smoke": Config(
            seeds=1,
            epochs=8,
            gcn_depths=(2, 4),
            residual_depths=(4,),
            dagnn_depths=(2, 4, 8),
            compared=4,
            networks=("karate",),
            hops=20,
            cost_nodes=(200, 400),
            cost_hops=(2, 4),
        ),
        "laptop": Config(),
        "paper": Config(
            seeds=20,
            graphs=("cora", "citeseer", "pubmed"),
            epochs=1000,
            patience=100,
            gcn_depths=(2, 6, 12, 24),
            dagnn_depths=(2, 6, 10, 20, 24, 64),
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce dagnn``."""
