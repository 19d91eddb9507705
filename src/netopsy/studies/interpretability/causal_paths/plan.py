"""The numbers of the causal-paths study, the names in its tables, and its cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from netopsy.lab.subjects.classifiers import ClassifierSetting

CAUSAL, SHUFFLED = "causal maps", "maps of the shuffled graph"
SCALES = (LARGEST, RANGE) = "largest is 1", "0 to 1"
BASELINES = ("gradient", "input x gradient", "integrated gradients", "gradient SHAP")
RUN = ["network", "seed"]
"""What was drawn independently: a network, all its classes averaged."""
MAPPED: Mapping[str, str] = {"small lenet": "features.conv2", "lenet": "features.conv2", "vgg11": "stage3.conv2"}
"""The convolution whose causal maps are compared with gradients: the last one, of VGG the last with an 8x8 grid."""


@dataclass(frozen=True)
class Examination:
    """What is measured on the graphs of one network."""

    images: int = 100
    """Training images of a class that its graph is found from, at most."""
    draws: int = 5
    """Random graphs that each graph is compared with."""
    explained: int = 40
    """Unseen images whose maps are compared, in each run."""
    perturbations: int = 10
    """Noisy copies of each."""
    segments: int | None = None
    """About how many segments IROF removes; ``None`` leaves it out, as on images too small for segments."""
    betas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    repeats: int = 5


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 8
    settings: tuple[ClassifierSetting, ...] = (ClassifierSetting(),)
    examination: Examination = Examination()
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images for which finding a graph is timed, pixels a side."""
    units: tuple[int, ...] = (32, 64, 128, 256)
    """Units of the dense layer for which it is timed."""


_CIFAR = ClassifierSetting(data="uoft-cs/cifar10", network="lenet", batch_size=128, lr=2e-3, steps=12000)

PRESETS = {
    "smoke": Config(
        seeds=1,
        settings=(ClassifierSetting(steps=10),),
        examination=Examination(images=8, draws=1, explained=3, perturbations=2, betas=(0.5,), repeats=1),
        sides=(8,),
        units=(4,),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        settings=(_CIFAR, dataclasses.replace(_CIFAR, network="vgg11")),
        examination=Examination(explained=60, segments=40),
    ),
}
