"""The numbers of the eigen-cam study, and the names in its tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from netopsy.lab.subjects.images import PAPER_SCALE, ImageSubject

EIGEN, GRAD, PLUS, CAM = "Eigen-CAM", "Grad-CAM", "Grad-CAM++", "CAM"
ENERGY, MEAN, RANDOM = "energy", "channel mean", "random"
CENTRED, SECOND = "centred", "2nd component"
METHODS = (EIGEN, GRAD, PLUS, CAM, ENERGY, MEAN, RANDOM, CENTRED, SECOND)
TRIVIAL = (ENERGY, MEAN)
CLEAN, NOISE, HALF_TRAINED = "clean", "noise", "half trained"


@dataclass(frozen=True)
class Attack:
    """Projected gradient noise, per pixel, on images from 0 to 1."""

    radius: float = 0.1
    step: float = 0.02
    steps: int = 10


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 8
    subject: ImageSubject = ImageSubject(objects=1, test_images=1000)  # noqa: RUF009 - frozen
    attack: Attack = Attack()
    calibration: int = 300
    """The first so many test images choose the thresholds, the others measure the errors."""
    thresholds: tuple[float, ...] = (0.15, 0.2, 0.3, 0.4, 0.5, 0.6)
    examples: int = 2
    """Images of the first run whose maps are shown."""
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose maps are timed, pixels a side."""
    units: tuple[int, ...] = (64, 128, 256, 512)
    """Channels of the layers whose maps are timed."""


PRESETS = {
    "smoke": Config(
        seeds=1,
        subject=ImageSubject(objects=1, train_images=200, test_images=60, epochs=1),
        attack=Attack(steps=2),
        calibration=20,
        examples=1,
        sides=(32, 64),
        units=(16, 32),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        subject=dataclasses.replace(PAPER_SCALE, objects=1, test_images=5000, epochs=40),
        attack=Attack(radius=8 / 255, step=2 / 255),
    ),
}
