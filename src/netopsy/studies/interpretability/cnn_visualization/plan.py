"""The numbers of the cnn-visualization study, and the names in its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NONE, TOGETHER, GENERATOR = "none", "blur + TV + jitter", "generator"
SEARCH, DECODER, ORIGINAL = "search", "decoder", "image"
TRAINED, RANDOM = "trained", "random weights"
LAYERS = ("features.act1", "features.act2", "features.act3", "classifier.act4", "classifier.output")
"""The five layers to look at, from the pixels to the scores."""
PATCHES = "patches"
THREE_CONVOLUTIONS, VGG = "three convolutions", "vgg"
LAYERS_OF: Mapping[str, tuple[str, ...]] = {
    THREE_CONVOLUTIONS: LAYERS,
    VGG: ("stage1", "stage2", "stage3", "stage4", "output"),
}
"""Network to the layers to look at."""


@dataclass(frozen=True)
class Setting:
    """How many patches, which network, and how it is trained."""

    data: str = PATCHES
    """Patches of the photographs, or a set of the Hub."""
    network: str = THREE_CONVOLUTIONS
    train_patches: int = 4000
    """Or images of the Hub's set."""
    test_patches: int = 1000
    widths: tuple[int, int, int] = (12, 24, 48)
    hidden: int = 128
    epochs: int = 6
    batch_size: int = 50
    lr: float = 6e-3

    @property
    def steps(self) -> int:
        """Optimiser steps of a whole training."""
        return self.epochs * self.steps_per_epoch

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one epoch."""
        return max(1, self.train_patches // self.batch_size)


@dataclass(frozen=True)
class MaximisationSetting:
    """How preferred images are made."""

    steps: int = 200
    starts: int = 1
    tv_weight: float = 0.5
    """With it preferred images are about as rough as patches of the photographs; chosen without the judging network."""
    decoder_images: int = 2000
    decoder_epochs: int = 6
    decoder_lr: float = 1e-2
    """Of the generator, a decoder of the layer before the scores."""


@dataclass(frozen=True)
class InversionSetting:
    """How layers are inverted."""

    images: int = 12
    steps: int = 200
    lr: float = 0.1
    """At which 200 steps converge: at 0.02 they leave three times the image error at the second layer."""
    strengths: tuple[float, ...] = (1e-4, 1e-3, 1e-2)
    """Of the penalties, tried alike at every layer; the one of least feature error counts."""
    decoder_images: int = 2000
    decoder_epochs: int = 3
    decoder_lr: float = 1e-2
    decoder_width: int = 32
    shown: int = 8
    """Images of the first run whose reconstructions are shown."""


@dataclass(frozen=True)
class DeconvSetting:
    """How filters are followed through training."""

    images: int = 256
    """Training images among which each filter's top image is sought."""
    looks: int = 3
    """In each epoch."""
    settled: float = 0.9
    """A filter has settled at the first look from which on its projection's cosine with the last one is this high."""
    shown: int = 4
    """Filters of each layer whose projections are shown for the first run."""
    columns: int = 7


@dataclass(frozen=True)
class DissectionSetting:
    """Which network is dissected, on what, and how often its basis is rotated."""

    images: int = 2000
    train_images: int = 3000
    size: int = 48
    widths: tuple[int, ...] = (16, 24, 24)
    """The last layer is dissected; it has as many units as there are concepts."""
    strides: tuple[int, ...] = (2, 2, 1)
    epochs: int = 6
    lr: float = 1e-2
    rotations: int = 5
    shares: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Parts of the way at which ``partly`` of the rotations are looked at; all of them at the end of it."""
    partly: int = 3
    quantile: float = 0.005
    iou: float = 0.04
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose dissection is timed for the first run, pixels a side."""
    counts: tuple[int, ...] = (8, 32, 128)
    """Units, likewise."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    network: Setting = Setting()
    maximisation: MaximisationSetting = MaximisationSetting()
    inversion: InversionSetting = InversionSetting()
    deconvnet: DeconvSetting = DeconvSetting()
    dissection: DissectionSetting = DissectionSetting()
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose synthesis is timed, pixels a side."""
    counts: tuple[int, ...] = (1, 4, 16, 64)
    """And how many at once."""
    dissected_sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose dissection is timed, pixels a side."""
    dissected_units: tuple[int, ...] = (8, 32, 128)
    """Units, likewise."""


_SMALL = Setting(train_patches=100, test_patches=40, widths=(4, 6, 8), hidden=16, epochs=1)
_LARGE = Setting(
    data="uoft-cs/cifar10",
    network=VGG,
    train_patches=50_000,
    test_patches=10_000,
    widths=(64, 128, 256),
    epochs=60,
    batch_size=128,
    lr=1e-3,
)

PRESETS = {
    "smoke": Config(
        seeds=1,
        network=_SMALL,
        maximisation=MaximisationSetting(steps=2, decoder_images=40, decoder_epochs=1),
        inversion=InversionSetting(
            images=4, steps=2, strengths=(1e-3, 1e-2), decoder_images=40, decoder_epochs=1, decoder_width=8, shown=2
        ),
        deconvnet=DeconvSetting(images=40, looks=1, shown=1, columns=2),
        dissection=DissectionSetting(images=60, train_images=100, epochs=1, rotations=3, shares=(0.5,), partly=1),
        sides=(16,),
        counts=(1, 2),
        dissected_sides=(32,),
        dissected_units=(8,),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        network=_LARGE,
        maximisation=MaximisationSetting(
            steps=300, starts=8, decoder_images=50_000, decoder_epochs=20, decoder_lr=1e-3
        ),
        inversion=InversionSetting(
            images=500, steps=400, decoder_images=50_000, decoder_epochs=20, decoder_lr=1e-3, decoder_width=256
        ),
        deconvnet=DeconvSetting(images=10_000, looks=1, shown=8),
        dissection=DissectionSetting(
            images=20_000, train_images=30_000, size=96, widths=(64, 128, 256), epochs=20, rotations=30
        ),
    ),
}
