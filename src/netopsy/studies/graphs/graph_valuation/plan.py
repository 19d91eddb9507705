"""The numbers of the graph-valuation study, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

from netopsy.data.planetoid import PLANETOID
from netopsy.lab.subjects.parties import ALL, DIGITS, OTHER, RANDOM, SAME, SCALED, SHUFFLED

FIVE = (SAME, OTHER, ALL, SHUFFLED, SCALED)
"""The sellers whose relevance is judged; the other three join for the gain in accuracy."""
COPY, CHANGED, PERMUTED = "copy", "rewired", "permuted"
FEW_REWIRED = 0.05


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 10
    """Of rewired copies, of each of the graphs."""
    graphs: tuple[str, ...] = ("karate", "les_miserables", RANDOM, DIGITS)
    fractions: tuple[float, ...] = (0.0, FEW_REWIRED, 0.1, 0.2, 0.4)
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


PRESETS = {
    "smoke": Config(
        seeds=3,
        graphs=("karate", RANDOM),
        fractions=(0.0, FEW_REWIRED, 0.4),
        draws=1,
        sets=(DIGITS,),
        copies=2,
        runs=1,
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
        sets=(DIGITS, *PLANETOID),
        copies=50,
        runs=20,
        starts=tuple(range(10)),
        epochs=200,
        sizes=(125, 250, 500, 1000, 2000, 4000),
    ),
}
