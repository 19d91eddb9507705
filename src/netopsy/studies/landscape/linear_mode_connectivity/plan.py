"""Every number of the experiment, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from netopsy.data import Dataset, digits_split, load_data
from netopsy.models import mlp, resnet, vgg

LAYER, RANDOM_PART = "one layer", "as many random parameters"
NAIVE, MATCHED, RANDOM = "as they are", "weights matched", "random order"
BY_ACTIVATIONS, REPAIRED = "activations matched", "weights matched, repaired"


@dataclass(frozen=True)
class Training:
    """How networks are trained, and on what."""

    data: str = "digits"
    """Or a set of the Hub."""
    network: str = "perceptron"
    """Or ``vgg`` or ``residual``, whose width is that of the first stage."""
    batch_size: int = 64
    lr: float = 0.05
    """At 0.1, one perceptron in ten or so collapses to chance, and no line between two such tells anything."""
    momentum: float = 0.9
    weight_decay: float = 0.0
    epochs: int = 20
    images: tuple[int, int] = (1347, 450)
    """To train on, on which barriers are measured, and to test on; all that there are on other data than digits."""
    measured: int = 10_000
    """At most so many training images are in a barrier."""


@dataclass(frozen=True)
class Forks:
    """Runs that share their start."""

    training: Training = Training()
    at: tuple[int, ...] = (0, 2, 10, 16)
    """Epochs of the trunk."""
    longer: int = 30
    """Epochs of the pair that is as long as trunk and children of the third fork together."""
    width: int = 32
    depth: int = 5
    watched: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Epochs since the runs parted at which displacements are looked at."""


@dataclass(frozen=True)
class Apart:
    """Independent runs."""

    training: Training = Training()
    widths: tuple[int, ...] = (32, 128)
    """Layers are looked at one by one in networks of the first."""
    depth: int = 5
    watched: tuple[int, ...] = (1, 2, 4, 8, 16)
    draws: int = 3
    """Random parts for each layer."""


@dataclass(frozen=True)
class Aligned:
    """Independent runs brought into one order."""

    training: Training = Training()
    widths: tuple[int, ...] = (32, 128, 512)
    depth: int = 2
    shown: int = 500
    """Images by which activations are matched and repaired."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 10
    forks: Forks = Forks()
    apart: Apart = Apart()
    aligned: Aligned = Aligned()


def sets(training: Training, seed: int) -> tuple[Dataset, Dataset]:
    """What is trained on, and what is tested on."""
    if training.data == "digits":
        train, test = digits_split(seed, training.images)
        return train, test
    return load_data(training.data, split="train"), load_data(training.data, split="test")


def network(training: Training, data: Dataset, width: int, depth: int, seed: int) -> nn.Module:
    """With weights of its own for every seed; the depth counts the hidden layers of perceptrons."""
    channels, height, across = data.inputs.shape[1:]
    classes = data.class_count
    if training.network == "perceptron":
        sizes = [channels * height * across, *[width] * depth, classes]
        return mlp(sizes, initialisation="he_normal", seed=seed)
    if training.network == "vgg":
        size = (int(height), int(across))
        return vgg(11, channels=channels, size=size, classes=classes, width=width, batch_norm=False, seed=seed)
    return resnet(20, channels=channels, classes=classes, width=width, seed=seed)


def steps_of(training: Training, data: Dataset, epochs: int) -> int:
    """Optimiser steps in so many epochs."""
    return epochs * max(1, len(data) // training.batch_size)


_CIFAR = Training(
    data="hub:uoft-cs/cifar10", network="vgg", lr=0.05, weight_decay=5e-4, epochs=200, images=(50_000, 10_000)
)
_SHORT = Training(epochs=2, images=(128, 64))
PRESETS = {
    "smoke": Config(
        seeds=1,
        forks=Forks(training=_SHORT, at=(0, 1, 2), longer=3, width=8, depth=2, watched=(1, 2)),
        apart=Apart(training=_SHORT, widths=(8, 12), depth=2, watched=(1, 2), draws=1),
        aligned=Aligned(training=_SHORT, widths=(8, 12), shown=50),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        forks=Forks(training=_CIFAR, at=(0, 5, 20, 50), longer=220, width=64, watched=(1, 5, 20, 50, 100)),
        apart=Apart(training=_CIFAR, widths=(32, 64), watched=(1, 5, 20, 50, 100)),
        aligned=Aligned(training=replace(_CIFAR, network="residual"), widths=(16, 64, 256), shown=5000),
    ),
}
