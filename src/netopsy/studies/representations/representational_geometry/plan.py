"""The three experiments and their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

TANH, RELU, HARD_TANH, CAPPED, LINEAR = "tanh", "ReLU", "hard tanh", "capped ReLU", "linear"
TARGET, INPUT, PARALLEL, GENERAL, ACCURACY = "target", "input", "parallelism", "ccgp", "accuracy"


@dataclass(frozen=True)
class Setting:
    """One experiment's networks and their training."""

    features: int
    width: int
    noise: float
    steps: int
    lr: float
    batch: int = 200
    adam: bool = False
    fixed_readout: bool = False


@dataclass(frozen=True)
class Images:
    """A convolutional network that learns random dichotomies of the classes of images."""

    data: str = "hub:uoft-cs/cifar10"
    widths: tuple[int, ...] = (32, 64, 128)
    hidden: int = 128
    """Units of the penultimate layer, which is looked at."""
    steps: int = 20_000
    batch: int = 128
    lr: float = 0.01


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 10
    """Networks of the first, third and fourth claim, and kernels of the second."""
    activations: tuple[str, ...] = (TANH, RELU, HARD_TANH, CAPPED, LINEAR)
    unstructured: Setting = field(default_factory=lambda: Setting(120, 120, 0.1, 3000, 0.1))
    looks: int = 25
    """Moments of training at which both alignments are taken."""
    aligned: Setting = field(default_factory=lambda: Setting(100, 128, 1.0, 800, 0.01, adam=True))
    conditions: int = 32
    bits: tuple[int, ...] = (1, 5)
    shares: tuple[float, ...] = (0.0, 0.5, 1.0)
    """Alignments of inputs and labels, as a share of that of unstructured inputs."""
    networks: int = 2
    """Of a kernel."""
    ranks: tuple[int, ...] = (31,)
    """Of the kernels; that of the labels is added where they are aligned. The first one is judged."""
    depths: tuple[int, ...] = (1,)
    """Hidden layers; the last is looked at. The first number is judged."""
    nudged: Setting = field(default_factory=lambda: Setting(60, 60, 0.1, 1500, 0.1, fixed_readout=True))
    deltas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.5, 1.0)
    images: Images | None = None
    """Beside the claims: dichotomies of images."""


PRESETS = {
    "smoke": Config(
        seeds=2,
        activations=(TANH, RELU, HARD_TANH, CAPPED, LINEAR),
        unstructured=Setting(12, 8, 0.1, 4, 0.1, batch=8),
        looks=2,
        aligned=Setting(20, 8, 1.0, 2, 0.01, batch=8, adam=True),
        conditions=16,
        ranks=(15,),
        networks=1,
        nudged=Setting(12, 8, 0.1, 3, 0.1, batch=8, fixed_readout=True),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=12,
        networks=10,
        aligned=Setting(100, 128, 1.0, 78_000, 0.01, batch=64, adam=True),
        ranks=(31, 5),
        depths=(1, 5, 10),
        nudged=Setting(120, 120, 0.1, 125_000, 0.1, fixed_readout=True),
        deltas=tuple(step / 20 for step in range(21)),
        images=Images(),
    ),
}
