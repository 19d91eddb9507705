"""The numbers of the graphlet-orbits study, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

FAMILIES = ("uniform", "preferential", "small world")
REAL = "real"
EDGE = "1-0-0"
"""The orbit adjacency that is the graph itself, and so a walk of length 1."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    random_graphs: int = 51
    """On which the identity is checked, a third of each family."""
    sizes: tuple[int, ...] = (1000, 2000, 5000, 10000, 20000)
    """Nodes of the graphs that are counted for their cost."""
    networks: bool = True
    """Whether real networks are counted for their cost, too."""
    attached: int = 10
    """Edges that each of their nodes comes with."""
    graphs: tuple[str, ...] = ("karate", "roles", "blocks", "digits")
    """Whose labels are predicted."""
    windows: tuple[int, ...] = (1, 2, 3, 5, 10)
    dim: int = 128
    folds: int = 5
    inner: int = 3
    """Folds of the training part on which the orbit and the window are chosen."""


PRESETS = {
    "smoke": Config(
        seeds=3,
        random_graphs=6,
        sizes=(200,),
        networks=False,
        graphs=("karate",),
        windows=(1, 3),
        dim=8,
        folds=2,
        inner=2,
    ),
    "laptop": Config(),
    "paper": Config(seeds=10, graphs=("karate", "roles", "blocks", "digits", "cora", "citeseer", "pubmed")),
}
