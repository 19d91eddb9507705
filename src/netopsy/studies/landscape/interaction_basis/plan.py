"""Every number of the study, its presets and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

RANKS, BLOCKS = "middle weight", "whole network"
INTERACTION, LOCAL, COMPONENTS, TURNED, UNITS = (
    "interaction basis",
    "local interaction basis",
    "principal components",
    "random rotation",
    "units",
)
MODULAR, DENSE, SPARSE = "block-diagonal", "dense", "random mask"
TOLERANCES = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class Features:
    """Perceptrons on digits, and what their bases need."""

    widths: tuple[int, ...] = (64, 32, 32, 10)
    data: str = "digits"
    """Or a set of the Hub."""
    steps: int = 1200
    batch_size: int = 100
    lr: float = 3e-3
    images: int = 1437
    """At most, from which bases and edges are made and on which they are tried."""
    tolerance: float = 1e-3


@dataclass(frozen=True)
class Pairs:
    """Two digits side by side, and networks that look at both."""

    hidden: tuple[int, int] = (16, 16)
    examples: int = 1500
    steps: int = 2000
    every: int = 20
    """Steps from one state that is kept to the next."""
    batch_size: int = 250
    lr: float = 1e-2
    target: float = 0.055
    """Squared error of a training run that ends it, in the mean over outputs."""
    inputs: int = 400
    """For the spectrum and the learning coefficient."""
    chains: int = 2
    draws: int = 800
    step: float = 1e-4
    gamma: float = 100.0


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 10
    """Training runs."""
    cells: int = 2
    """Stacks that these train in."""
    draws: int = 200
    """Of networks whose free directions are counted beforehand."""
    networks: int = 20
    """That are reparametrised."""
    features: Features = Features()
    pairs: Pairs = Pairs()


PRESETS = {
    "smoke": Config(
        seeds=3,
        cells=1,
        draws=8,
        networks=3,
        features=Features(widths=(64, 6, 6, 10), steps=40, images=80, tolerance=0.05),
        pairs=Pairs(hidden=(2, 2), examples=100, steps=20, target=1.0, inputs=20, draws=10, step=1e-6),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=20,
        cells=5,
        draws=1000,
        networks=200,
        features=Features(widths=(784, 256, 256, 10), data="ylecun/mnist", steps=20_000, images=10_000),
        pairs=Pairs(hidden=(48, 48), examples=10_000, inputs=5000, chains=8, draws=20_000),
    ),
}
