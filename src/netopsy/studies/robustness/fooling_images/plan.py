"""The numbers of the fooling-images study, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

DIGITS, PATCHES = "digits", "patches"
"""Images that are always there; other names are sets of the Hub."""
RAW, CPPN, ASCENT = "raw pixels", "CPPN", "gradient ascent"
EVOLVED, RANDOM, BEST = "evolved", "random", "best of random"
ENCODINGS = {RAW: "direct", CPPN: "cppn"}
PARTNER = -1
"""Stands for the network of its own with which each network makes a pair."""


@dataclass(frozen=True)
class Source:
    """Which images, and which network is trained on them, how long."""

    data: str = DIGITS
    network: str = "cnn"
    steps: int = 400
    batch_size: int = 60
    lr: float = 5e-3
    train_images: int = 4000
    """Patches that are cut."""
    test_images: int = 1000


@dataclass(frozen=True)
class Evolution:
    """How long images are evolved."""

    generations: int = 50
    batch: int = 200
    real: int = 5000
    """Training images, at most, that evolved ones are compared with."""


@dataclass(frozen=True)
class Retraining:
    """A chain of networks that are taught what fooled those before them."""

    rounds: int = 5
    generations: int = 40
    batch: int = 200
    added: int | None = None
    """Fooling images a round; ``None`` for the mean size of a class."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    plain: Source = Source()
    """Simple images: of these all claims but the second are asked."""
    rich: Source = Source(PATCHES, "three convolutions", steps=480, batch_size=50, lr=6e-3)
    on_plain: Evolution = Evolution()
    on_rich: Evolution = Evolution(60, 100)
    retraining: Retraining = Retraining()
    steps: int = 300
    """Of gradient ascent."""
    draws: int = 20
    """How often as many random images as evolved ones are drawn to see whether two networks agree on them."""


_MNIST = Source("ylecun/mnist", "lenet", steps=5000, batch_size=128, lr=2e-3)
_CIFAR = Source("uoft-cs/cifar10", "resnet18", steps=8000, batch_size=128, lr=2e-3)

PRESETS = {
    "smoke": Config(
        seeds=1,
        plain=Source(steps=20),
        rich=Source(PATCHES, "three convolutions", steps=5, train_images=100, test_images=50),
        on_plain=Evolution(5, 40, 200),
        on_rich=Evolution(3, 20, 100),
        retraining=Retraining(1, 3, 20, 20),
        steps=20,
        draws=2,
    ),
    "laptop": Config(),
    "paper": Config(
        plain=_MNIST,
        rich=_CIFAR,
        on_plain=Evolution(1000),
        on_rich=Evolution(1000),
        retraining=Retraining(15, 1000, added=1000),
    ),
}
