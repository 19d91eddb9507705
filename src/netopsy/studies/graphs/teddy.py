"""Do degrees alone tell which edges and how many weights a graph network needs? Seo et al. 2024 re-tested.

The claims are judged on random graphs of very uneven degrees. Where degrees are nearly all the same (handwritten digits
joined to their nearest neighbours) or features say little, the score has nothing to go by, or removes just what a node
needs: how much is lost there is measured and shown beside, without a verdict. Cora is looked at where its files are.

Of the paper's three networks the laptop trains GCN and GIN; GAT, whose epochs take several times as long, joins in the
preset of the paper's own scale.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.data.planetoid import local_planetoid
from netopsy.lab import Cell, Rows, Study
from netopsy.studies.graphs._teddy_data import BLOCKS, DIGITS, NOISY_DIGITS
from netopsy.studies.graphs._teddy_figures import draw
from netopsy.studies.graphs._teddy_measures import by_edges, cost, tickets
from netopsy.studies.graphs._teddy_verdicts import judge


@dataclass(frozen=True)
class Citations:
    """What is measured on a citation network, beside the graphs that decide."""

    graphs: tuple[str, ...] = ("cora",)
    networks: tuple[str, ...] = ("GCN",)
    seeds: int = 3
    hidden: int = 16
    epochs: int = 100
    levels: tuple[int, ...] = (10,)
    rounds: tuple[int, ...] = ()
    fetch: bool = False
    """Whether to fetch one that is not here; otherwise it is left out."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    nodes: int = 2000
    hidden: int = 64
    epochs: int = 120
    sparsities: tuple[float, ...] = (0.3, 0.5, 0.7, 0.85)
    controls: int = 3
    """Runs on graphs of nearly constant degree."""
    control_sparsities: tuple[float, ...] = (0.5, 0.85)
    networks: tuple[str, ...] = ("GCN", "GIN")
    levels: tuple[int, ...] = (5, 10)
    """At level i, ``1 - 0.95^i`` of the edges and ``1 - 0.9^i`` of the weights are gone."""
    rounds: tuple[int, ...] = (5, 10)
    """Levels that UGS is measured at."""
    weights: tuple[float, ...] = (0.9, 0.95)
    """Shares of weights for projection against pruning after training; 40% of the edges are gone."""
    citations: Citations = Citations()
    sizes: tuple[int, ...] = (10_000, 30_000, 100_000, 300_000, 1_000_000)
    """Edges for which scoring is timed."""


def plan(config: Config) -> Iterable[Cell]:
    """One graph a cell, with all that is removed from it; one for what it costs."""
    of_edges = {"kind": "edges", "hidden": config.hidden, "epochs": config.epochs, "nodes": config.nodes}
    of_tickets = {**of_edges, "kind": "tickets", "levels": config.levels, "rounds": config.rounds}
    for seed in range(config.seeds):
        for network in reversed(config.networks):  # the slower one first
            given = {**of_tickets, "graph": BLOCKS, "network": network, "seed": seed, "weights": config.weights}
            yield Cell(f"tickets, {network}, run {seed}", given)
    for seed in range(config.seeds):
        yield Cell(
            f"edges, {BLOCKS}, run {seed}", {**of_edges, "graph": BLOCKS, "seed": seed, "shares": config.sparsities}
        )
    for graph in (DIGITS, NOISY_DIGITS):
        for seed in range(min(config.seeds, config.controls)):
            given = {**of_edges, "graph": graph, "seed": seed, "shares": config.control_sparsities}
            yield Cell(f"edges, {graph}, run {seed}", given)
    wanted = config.citations
    for graph in wanted.graphs:
        if not wanted.fetch and graph not in local_planetoid():
            continue
        for network in wanted.networks:
            for seed in range(min(config.seeds, wanted.seeds)):
                given = {
                    **of_tickets,
                    **{name: getattr(wanted, name) for name in ("hidden", "epochs", "levels", "rounds")},
                    "graph": graph,
                    "network": network,
                    "seed": seed,
                    "weights": (),
                }
                yield Cell(f"tickets, {graph}, {network}, run {seed}", given)
    yield Cell("cost", {"kind": "cost", "sizes": config.sizes, "shares": config.sparsities, "epochs": 10})


def measure(cell: Cell) -> Rows:
    """Rows of the measures edges, joint and weights; or cost by edges and epoch."""
    given = dict(cell.parameters)
    kind = given.pop("kind")
    if kind == "edges":
        return list(by_edges(**given))
    return list(tickets(**given) if kind == "tickets" else cost(**given))


_LEVELS = tuple(range(1, 21))

STUDY = Study(
    paper="teddy",
    presets={
        "smoke": Config(
            seeds=1,
            nodes=200,
            hidden=8,
            epochs=5,
            sparsities=(0.3, 0.7),
            control_sparsities=(0.5,),
            levels=(1, 2),
            rounds=(2,),
            citations=Citations(graphs=()),
            sizes=(1000, 3000),
        ),
        "laptop": Config(),
        "paper": dataclasses.replace(
            Config(),
            seeds=10,
            hidden=512,
            epochs=200,
            controls=10,
            networks=("GCN", "GIN", "GAT"),
            levels=_LEVELS,
            rounds=_LEVELS,
            citations=Citations(
                graphs=("cora", "citeseer", "pubmed"),
                networks=("GCN", "GIN", "GAT"),
                seeds=10,
                hidden=512,
                epochs=200,
                levels=_LEVELS,
                rounds=_LEVELS,
                fetch=True,
            ),
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce teddy``."""
