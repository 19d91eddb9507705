"""Every number of the experiment, and the names in its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from netopsy.data import Dataset, digits, load_data

OPPOSING, MATCHED, ANY = "opposing groups", "class-matched random groups", "random groups"
ALL, WITHOUT, WITHOUT_MATCHED = "all examples", "without the groups", "without class-matched examples"
SGD, DAMPENED, SPLIT, ADAM = "SGD with momentum", "dampened SGD", "SplitSGD", "Adam"
EXACT, SAMPLED = "exact", "sampled"


@dataclass(frozen=True)
class Descent:
    """Full-batch gradient descent, watched."""

    data: str = "digits"
    """Or a set of the Hub."""
    network: str = "perceptron"
    samples: int = 1000
    lr: float = 1.0
    steps: int = 400
    warmup: int = 100
    k: int = 20
    draws: int = 5
    away: int = 10
    """Steps around the one that chose the groups, at which nothing is asked of them."""
    snapshot_every: int = 20
    sharpness_every: int = 10
    without: int = 100
    """Steps of training after the groups are removed."""
    batch_size: int = 1024


@dataclass(frozen=True)
class Theory:
    """The linear model."""

    strengths: tuple[float, ...] = (5.0, 20.0, 80.0)
    norms: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    inputs: int = 10
    carriers: int = 20
    probability: float = 0.05
    samples: int = 2000
    draws: int = 5
    time: float = 60.0
    """Of the flow, for a signal of norm 1; the others are faster by their norms."""


@dataclass(frozen=True)
class Optimisers:
    """Mini-batch training on digits with a planted feature."""

    data: str = "digits"
    network: str = "perceptron"
    examples: tuple[int, int] = (1000, 297)
    """To train on, and to validate on."""
    batch_size: int = 64
    steps: int = 300
    every: int = 5
    reached: float = 0.05
    """Training loss whose first step counts."""
    classes: tuple[int, int] = (3, 8)
    share: float = 0.03
    brightness: float = 3.0
    tuning: int = 3
    """Runs of its own that a rate is chosen on, by the mean validation loss along training."""
    sign_ratio: float = 0.003
    """Of SplitSGD's two rates."""
    fraction: float = 0.1


_RATES = MappingProxyType(
    {
        SGD: (0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 1.0),
        DAMPENED: (0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 10.0),
        SPLIT: (0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 10.0),
        ADAM: (0.0003, 0.001, 0.003, 0.01, 0.02, 0.03, 0.1),
    }
)


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 8
    descent: Descent = Descent()
    theory: Theory = Theory()
    optimisers: Optimisers = Optimisers()
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: dict(_RATES))


def examples_of(name: str) -> Dataset:
    """All that there are to train on."""
    return digits() if name == "digits" else load_data(name, split="train")


_CIFAR = "hub:uoft-cs/cifar10"
PRESETS = {
    "smoke": Config(
        seeds=1,
        descent=Descent(samples=60, lr=1.4, steps=14, warmup=4, k=3, draws=2, away=1, snapshot_every=2, without=4),
        theory=Theory(strengths=(5.0, 20.0), norms=(1.0, 2.0), draws=1, time=20.0, samples=100),
        optimisers=Optimisers(examples=(200, 50), steps=6, tuning=1),
        rates={name: rates[2:4] for name, rates in _RATES.items()},
    ),
    "laptop": Config(),
    "paper": Config(
        descent=Descent(
            data=_CIFAR,
            network="vgg11",
            samples=5000,
            lr=0.1,
            steps=3000,
            warmup=300,
            k=100,
            without=500,
        ),
        optimisers=Optimisers(
            data=_CIFAR, network="resnet56", examples=(40_000, 5000), batch_size=128, steps=20_000, every=500, share=0.0
        ),
    ),
}
