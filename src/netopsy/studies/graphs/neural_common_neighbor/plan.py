"""The numbers of the neural-common-neighbor study, and the names in its tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from netopsy.graphs.neural_common_neighbor.published import RECIPES
from netopsy.lab.subjects.networks import Digits

GAE, COUNT, NCN, SEEN, NCNC = "GAE", "GAE + count", "NCN", "NCN, targets seen", "NCNC"
TUNED, ENCODER, BARE = "NCNC, offset tuned", "encoder alone", ", scores alone"
OBSERVED, REMOVED, TEST = "training links", "training links, batch removed", "test links"
COMPLETED = ", completed"


@dataclass(frozen=True)
class Training:
    """One budget for all models; with ``recipe`` the paper's for the citation network of that name."""

    hidden: int = 64
    layers: int = 2
    epochs: int = 15
    batch_size: int = 1024
    ks: tuple[int, ...] = (20, 50, 100)
    select: str = "Hits@100"
    recipe: str | None = None


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    removal_seeds: int = 10
    """Of the claim on target links alone, whose sign a few runs do not settle."""
    digits: Digits = Digits()  # noqa: RUF009 - frozen
    training: Training = Training()
    drops: tuple[float, ...] = (0.0, 0.2, 0.4)
    """Shares of the observed links that are thrown away as well."""
    offsets: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    networks: tuple[str, ...] = ("USAir", "NS", "Celegans", "cora")
    """Real networks, as far as they are on this machine."""
    instead: tuple[str, ...] = ("karate", "les_miserables")
    """Those of networkx, where none of the others is."""
    recipes: bool = False
    """Train on citation networks by the paper's recipe for each, fetch those that are not here, and judge them, too."""
    network_seeds: int = 3
    network_training: Training = Training(epochs=30, batch_size=256, ks=(10, 20, 50, 100), select="AP")
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


_SMALL = Training(hidden=8, layers=1, epochs=1, batch_size=8192)
_PAPER = Training(hidden=256, layers=1, epochs=100, batch_size=1152)
PRESETS = {
    "smoke": Config(
        seeds=1,
        removal_seeds=1,
        training=_SMALL,
        drops=(0.0, 0.4),
        offsets=(1.0, 3.0),
        networks=("karate",),
        instead=("karate",),
        network_seeds=1,
        network_training=dataclasses.replace(_SMALL, epochs=2, batch_size=256, ks=(3,), select="AP"),
        sizes=(100, 200),
        pairs=200,
        repeats=1,
        rounds=1,
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=10,
        training=_PAPER,
        networks=tuple(RECIPES),
        recipes=True,
        network_seeds=10,
        network_training=dataclasses.replace(_PAPER, batch_size=256, ks=(10, 20, 50, 100), select="AP"),
    ),
}
