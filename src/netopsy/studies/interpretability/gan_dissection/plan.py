"""The numbers of the gan-dissection study, and the names in its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netopsy.data.scenes import SCENE_CLASSES
from netopsy.lab.subjects.scene_generators import PAPER_SCALE, SceneSetting, Segmenter

OBJECTS: Mapping[str, int] = {name: SCENE_CLASSES.index(name) for name in ("sun", "house", "tree")}
"""The classes the claims are about, with their numbers: sky and ground are everywhere, and count for nothing."""
BY_IOU, BY_ALPHA, RANDOM = "IoU", "alpha", "random"
"""What orders or chooses the units that are removed."""


@dataclass(frozen=True)
class Controls:
    """How often chance is asked: masks shuffled, generators before training, random sets of units."""

    shuffles: int = 20
    untrained: int = 5
    sets: int = 20


@dataclass(frozen=True)
class Ace:
    """How the optimised sets are found."""

    sample: int = 1000
    pairs: int = 200
    steps: int = 100
    """Ten passes over the pairs, twenty in a step."""


@dataclass(frozen=True)
class Measured:
    """What is measured on one generator."""

    layers: tuple[str, ...] = ("layer1", "layer2", "layer3", "layer4", "layer5")
    causal: tuple[str, ...] = ("layer2", "layer3", "layer4")
    """Layers whose units are removed."""
    layer: str = "layer3"
    """The layer of the optimised sets, of the insertions and of the pictures."""
    sample: int = 300
    """Images of one dissection: one half chooses the levels, the other half is measured."""
    intervened: int = 100
    """Images of one intervention."""
    counted: int = 1000
    """Images in which the objects are counted."""
    pictured: int = 400
    """Images among which those to be shown are sought."""
    units: int = 8
    """In a set that is removed or inserted."""
    most: int = 10
    """Units at the end of a removal curve."""
    controls: Controls = Controls()
    ace: Ace = Ace()


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    """Generators, each trained from its own start on its own scenes."""
    setting: SceneSetting = SceneSetting()  # noqa: RUF009 - frozen
    measured: Measured = Measured()
    timed_sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose dissection is timed, pixels a side."""
    timed_units: tuple[int, ...] = (16, 64, 256, 512)


_SMALL = SceneSetting(images=200, steps=2, widths=(8, 8, 8), segmenter=Segmenter(50, steps=40))
_FEW = Measured(
    layers=("layer3",),
    causal=("layer3",),
    sample=30,
    intervened=12,
    counted=50,
    pictured=50,
    units=2,
    most=2,
    controls=Controls(2, 1, 2),
    ace=Ace(80, 20, 2),
)
_MANY = Measured(
    layers=tuple(f"layer{number}" for number in range(1, 10)),
    sample=2000,
    intervened=1000,
    units=20,
    most=20,
    controls=Controls(100, 20, 100),
    ace=Ace(20_000, 1000, 500),
)

PRESETS = {
    "smoke": Config(1, _SMALL, _FEW, timed_sides=(16,), timed_units=(4,)),
    "laptop": Config(),
    "paper": Config(5, PAPER_SCALE, _MANY),
}
