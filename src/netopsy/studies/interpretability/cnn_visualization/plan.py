"""The numbers of the cnn-visualization study, and the names in its tables."""

from __future__ import annotations

from dataclasses import dataclass

from netopsy.lab.subjects.figures import FigureSetting
from netopsy.lab.subjects.patches import VGG, PatchSetting

NONE, TOGETHER, GENERATOR, PHOTOGRAPH = "none", "blur + TV + jitter", "generator", "photograph"
SEARCH, DECODER, ORIGINAL = "search", "decoder", "image"
TRAINED, RANDOM = "trained", "random weights"


@dataclass(frozen=True)
class Decoder:
    """How a decoder of a layer is trained."""

    images: int = 2000
    epochs: int = 6
    lr: float = 1e-2
    width: int = 64


@dataclass(frozen=True)
class MaximisationSetting:
    """How preferred images are made."""

    steps: int = 200
    starts: int = 1
    tv_weight: float = 0.5
    """With it preferred images are about as rough as patches of the photographs; chosen without the judging network."""
    decoder: Decoder = Decoder()
    """Of the layer before the scores: the generator."""


@dataclass(frozen=True)
class InversionSetting:
    """How layers are inverted."""

    images: int = 12
    steps: int = 200
    lr: float = 0.1
    """At which 200 steps converge: at 0.02 they leave three times the image error at the second layer."""
    strengths: tuple[float, ...] = (1e-4, 1e-3, 1e-2)
    """Of the penalties, tried alike at every layer; the one of least feature error counts."""
    decoder: Decoder = Decoder(epochs=3, width=32)
    shown: int = 8
    """Images of the first run whose reconstructions are shown."""


@dataclass(frozen=True)
class DeconvSetting:
    """How filters are followed through training."""

    images: int = 256
    """Training images among which each filter's top images are sought."""
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

    network: FigureSetting = FigureSetting()  # noqa: RUF009 - frozen
    rotations: int = 5
    shares: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Parts of the way at which ``partly`` of the rotations are looked at; all of them at the end of it."""
    partly: int = 3
    quantile: float = 0.005
    iou: float = 0.04


@dataclass(frozen=True)
class Timed:
    """Sizes at which the methods are timed: pixels a side, images at once, units."""

    sides: tuple[int, ...] = (32, 64, 128, 224)
    images: tuple[int, ...] = (1, 4, 16, 64)
    units: tuple[int, ...] = (8, 32, 128)


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    network: PatchSetting = PatchSetting()  # noqa: RUF009 - frozen
    maximisation: MaximisationSetting = MaximisationSetting()
    inversion: InversionSetting = InversionSetting()
    deconvnet: DeconvSetting = DeconvSetting()
    dissection: DissectionSetting = DissectionSetting()
    timed: Timed = Timed()


_QUICK, _LONG = Decoder(20, epochs=1, width=8), Decoder(50_000, epochs=20, lr=1e-3)

PRESETS = {
    "smoke": Config(
        seeds=1,
        network=PatchSetting(train_images=100, test_images=20, widths=(4, 6, 8), hidden=16, epochs=1),
        maximisation=MaximisationSetting(steps=2, decoder=Decoder(20, epochs=1)),
        inversion=InversionSetting(images=2, steps=2, strengths=(1e-2,), decoder=_QUICK, shown=1),
        deconvnet=DeconvSetting(images=40, looks=1, shown=1, columns=2),
        dissection=DissectionSetting(FigureSetting(60, 40, epochs=1), rotations=2, shares=(0.5,), partly=1),
        timed=Timed(sides=(16,), images=(2,), units=(8,)),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        network=PatchSetting(
            "uoft-cs/cifar10", VGG, 50_000, 10_000, (64, 128, 256), epochs=60, batch_size=128, lr=1e-3
        ),
        maximisation=MaximisationSetting(steps=300, starts=8, decoder=_LONG),
        inversion=InversionSetting(images=500, steps=400, decoder=Decoder(50_000, epochs=20, lr=1e-3, width=256)),
        deconvnet=DeconvSetting(images=10_000, looks=1, shown=8),
        dissection=DissectionSetting(FigureSetting(30_000, 20_000, 96, (64, 128, 256), epochs=20), rotations=30),
    ),
}
