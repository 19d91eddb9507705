"""The numbers of the noisy-label-clustering study, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

from netopsy.lab.subjects.clusters import DIGITS, Blocks

LFD, FD, LABELS, PAGERANK, ATTRIBUTES = "labels and graph", "graph alone", "labels alone", "PageRank", "attributes"
"""Flow diffusion with labels, without, the labels themselves, label-weighted PageRank, diffusion weighted by
attributes."""
WAYS = (LFD, FD, LABELS, PAGERANK, ATTRIBUTES)
SETTLED = " (ten times the passes)"
"""The same with ten times as many passes, in real graphs."""
JUDGED = (0.01, 0.1)
"""Weights of edges between different labels that claim 5 speaks of."""


@dataclass(frozen=True)
class Scan:
    """How flow diffusion looks for a cluster."""

    step: float = 0.5
    """Between the multiples of the source, in real graphs from 1.5 to 5."""
    passes: int = 100


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 8
    """Random graphs of the block model: the unit of its intervals."""
    blocks: Blocks = Blocks()  # noqa: RUF009 - frozen
    starts: int = 8
    """Seed nodes in each graph; in block models each with labels of its own."""
    accuracies: tuple[tuple[float, float], ...] = (
        *((0.5, 0.5), (0.7, 0.7), (0.7, 0.9), (0.8, 0.8), (0.9, 0.9), (0.8, 0.95), (0.95, 0.95)),
    )
    """How many of the cluster's nodes are labelled 1, and how many others 0."""
    eps: tuple[float, ...] = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0)
    """Weights of edges between different labels."""
    draws: int = 10
    """Seeds and samples in each class of a real graph."""
    samples: int = 25
    """Nodes of the class, and as many others, that the classifier learns from."""
    noise: float = 1.0
    """Standard deviation of what is added to the digits' pixels, which are from 0 to 16."""
    scan: Scan = Scan()
    real: tuple[str, ...] = (DIGITS, "cora", "citeseer")
    """Those that are not on this machine are left out, and the verdict says so."""
    clusters: int = 5
    """Each is planted in graphs of every size."""
    members: int = 20
    """Nodes of each cluster that are seeds."""
    sizes: tuple[int, ...] = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
    """Nodes of these graphs; each has five times as many edges."""
    rounds: int = 4


PRESETS = {
    "smoke": Config(
        seeds=3,
        blocks=Blocks(count=4, size=25, inside=0.3, outside=0.03),
        starts=2,
        accuracies=((0.5, 0.5), (0.9, 0.9)),
        eps=(0.01, 0.1, 1.0),
        draws=1,
        clusters=3,
        members=2,
        scan=Scan(step=1.5, passes=10),
        real=(DIGITS,),
        sizes=(500, 1_000, 2_000),
        rounds=2,
    ),
    "laptop": Config(),
    "paper": Config(
        blocks=Blocks(count=20, size=500, inside=0.05, outside=0.005),
        starts=20,
        members=100,
        draws=100,
        scan=Scan(step=0.25),
        real=(DIGITS, "cora", "citeseer", "pubmed"),
    ),
}
