"""Do neighbours in common, pooled and completed, predict missing links better? Wang et al. 2024 re-tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.lab import Cell, Rows, Study
from netopsy.studies.graphs._ncn_data import digits_links, network_links, present
from netopsy.studies.graphs._ncn_figures import draw
from netopsy.studies.graphs._ncn_measures import (
    COUNT,
    GAE,
    NCN,
    NCNC,
    SEEN,
    cost,
    learned,
    random_link_split,
    rules,
    shared_counts,
    tuned,
)
from netopsy.studies.graphs._ncn_recipes import RECIPES
from netopsy.studies.graphs._ncn_verdicts import judge


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    neighbours: int = 8
    """Near digits that each is joined to."""
    features: int = 8
    noise: float = 1.0
    """Of the features, in standard deviations of what they are without it."""
    hidden: int = 64
    layers: int = 2
    epochs: int = 15
    batch_size: int = 1024
    drops: tuple[float, ...] = (0.0, 0.2, 0.4)
    """Shares of the observed links that are thrown away as well."""
    offsets: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    ks: tuple[int, ...] = (20, 50, 100)
    networks: tuple[str, ...] = ("USAir", "NS", "Celegans", "cora")
    """Real networks, as far as they are on this machine."""
    instead: tuple[str, ...] = ("karate", "les_miserables")
    """Those of networkx, where none of the others is."""
    recipes: bool = False
    """Train on citation networks by the paper's recipe for each, fetch those that are not here, and judge them, too."""
    network_seeds: int = 3
    network_epochs: int = 30
    network_batch: int = 256
    network_ks: tuple[int, ...] = (10, 20, 50, 100)
    sizes: tuple[int, ...] = (1000, 2000, 5000, 10_000, 20_000, 50_000)
    """Nodes of the graphs on which scores are timed."""
    links: int = 5
    """That each of their nodes comes with."""
    pairs: int = 20_000
    repeats: int = 3
    """Graphs of each size."""
    rounds: int = 20
    """Of each graph's scores, of which the fastest counts."""
    completed: int = 10_000
    """Nodes up to which NCNC, which takes far longer and on which nothing is judged, is timed as well."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each seed and share of links thrown away, for each seed of a real network, and one for the time."""
    named = ("neighbours", "features", "noise", "hidden", "layers", "epochs", "batch_size", "offsets", "ks")
    numbers = {name: getattr(config, name) for name in named} | {"select": f"Hits@{max(config.ks)}"}
    for drop in config.drops:
        for seed in range(config.seeds):
            yield Cell(f"digits, {drop:.0%} thrown away, run {seed}", {"seed": seed, "drop": drop, **numbers})
    real = {
        "hidden": config.hidden,
        "layers": config.layers,
        "epochs": config.network_epochs,
        "batch_size": config.network_batch,
        "ks": config.network_ks,
        "select": "AP",
    }
    for name in config.networks if config.recipes else present(config.networks, config.instead):
        recipe = name if config.recipes and name in RECIPES else None
        for seed in range(config.network_seeds):
            yield Cell(f"{name}, run {seed}", {"network": name, "seed": seed, "recipe": recipe, **real})
    timed = ("sizes", "links", "hidden", "pairs", "repeats", "rounds", "completed")
    yield Cell("cost", {name: getattr(config, name) for name in timed})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds held out, offset, counts and histogram; or of cost."""
    given = cell.parameters
    if "sizes" in given:
        return list(cost(**given))
    seed, ks = given["seed"], given["ks"]
    if "network" in given:
        adjacency, x = network_links(given["network"], seed)
        split = random_link_split(adjacency, 0.1, 0.2, seed)
        known = tuple(k for k in ks if k <= split.validation_negatives.shape[1])
        rows = [*rules(split, known), *(learned(model, x, split, given, seed)[0] for model in (GAE, NCN, NCNC))]
        return [{"network": given["network"], "drop": 0.0, "seed": seed, **row} for row in rows]
    adjacency, x = digits_links(given["neighbours"], given["features"], given["noise"], seed)
    split = random_link_split(adjacency, 0.1, 0.2, seed, drop=given["drop"])
    whole = given["drop"] == 0
    rows = list(rules(split, ks))
    for model in (GAE, COUNT, NCN, SEEN, NCNC) if whole else (NCN, NCNC):
        row, result = learned(model, x, split, given, seed)
        rows.append(row)
    if whole:
        rows += tuned(result, x, split, given["offsets"], ks)
        rows += shared_counts(result, x, split, given["batch_size"], seed)
    return [{"network": "digits", "drop": given["drop"], "seed": seed, **row} for row in rows]


STUDY = Study(
    paper="neural-common-neighbor",
    presets={
        "smoke": Config(
            seeds=1,
            hidden=8,
            layers=1,
            epochs=1,
            batch_size=8192,
            drops=(0.0, 0.4),
            offsets=(1.0, 3.0),
            networks=("karate",),
            instead=("karate",),
            network_seeds=1,
            network_epochs=2,
            network_ks=(3,),
            sizes=(100, 200),
            pairs=200,
            repeats=1,
            rounds=1,
        ),
        "laptop": Config(),
        "paper": Config(
            seeds=10,
            hidden=256,
            layers=1,
            epochs=100,
            batch_size=1152,
            networks=("cora", "citeseer", "pubmed"),
            recipes=True,
            network_seeds=10,
            network_epochs=100,
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce neural-common-neighbor``."""
