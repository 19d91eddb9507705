"""The numbers of the gan-dissection study, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

OBJECTS = ("sun", "house", "tree")
"""The classes the claims are about: sky and ground are everywhere, and count for nothing."""


@dataclass(frozen=True)
class Setting:
    """Which scenes, and how the two networks are made and trained."""

    side: int = 16
    images: int = 5000
    latent: int = 32
    widths: tuple[int, ...] = (64, 32, 32)
    """Channels of the generator on each grid."""
    judge_widths: tuple[int, ...] = (32, 64)
    """Channels of the discriminator."""
    steps: int = 1000
    batch_size: int = 64
    lr: float = 1e-3
    labelled: int = 1000
    """Scenes that the segmenter learns from."""
    segmenter_width: int = 16
    segmenter_steps: int = 300


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
    shuffles: int = 20
    untrained: int = 5
    """Generators before training."""
    intervened: int = 100
    """Images of one intervention."""
    units: int = 8
    """In a set that is removed or inserted."""
    random_sets: int = 20
    most: int = 10
    """Units at the end of a removal curve."""
    ace_sample: int = 1000
    ace_pairs: int = 200
    ace_steps: int = 100
    """Ten passes over the pairs, twenty in a step."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    """Generators, each trained from its own start on its own scenes."""
    setting: Setting = Setting()
    measured: Measured = Measured()
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose dissection is timed, pixels a side."""
    timed_units: tuple[int, ...] = (16, 64, 256, 512)


PRESETS = {
    "smoke": Config(
        seeds=1,
        setting=Setting(images=200, steps=2, labelled=50, segmenter_steps=40, widths=(8, 8, 8)),
        measured=Measured(
            layers=("layer2", "layer3"),
            causal=("layer3",),
            sample=40,
            shuffles=2,
            untrained=1,
            intervened=12,
            units=2,
            random_sets=2,
            most=2,
            ace_sample=80,
            ace_pairs=20,
            ace_steps=2,
        ),
        sides=(16, 32),
        timed_units=(4, 8),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        setting=Setting(
            side=64,
            images=50_000,
            latent=64,
            widths=(512, 512, 512, 256, 128),
            judge_widths=(64, 128, 256, 512),
            steps=20_000,
            lr=2e-4,
            labelled=5000,
            segmenter_width=64,
            segmenter_steps=3000,
        ),
        measured=Measured(
            layers=tuple(f"layer{number}" for number in range(1, 10)),
            causal=("layer2", "layer3", "layer4"),
            layer="layer3",
            sample=2000,
            shuffles=100,
            untrained=20,
            intervened=1000,
            units=20,
            random_sets=100,
            most=20,
            ace_sample=20_000,
            ace_pairs=1000,
            ace_steps=500,
        ),
    ),
}
