"""The numbers of the pattern-net study, and the names in its tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from netopsy.lab.subjects.images import PAPER_SCALE, ImageSubject

PATTERNS, FIRINGS, TRIPLES, MEANS, HEAD = "patterns", "firings", "random triples", "mean activations", "network"
RANDOM, ENERGY = "random boxes", "energy map"
OVERLAP = 0.5
"""From which on a box is the object's."""
AT, EARLIER = "last", "earlier"
"""The layer that the claims speak of, the last one as in the paper, and the one before."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 6
    subject: ImageSubject = ImageSubject(objects=1, test_images=400)  # noqa: RUF009 - frozen
    per_class: int = 5
    boxes: int = 10
    """Proposals an image."""
    examples: int = 6
    """Images of the first run shown for each class."""
    patch_subject: ImageSubject = ImageSubject(objects=1, test_images=1)  # noqa: RUF009 - frozen
    """The network on which one pass is compared with patches."""
    patch_sizes: tuple[int, ...] = (24, 48, 96)
    patch_images: int = 64
    rounds: int = 5
    sides: tuple[int, ...] = (32, 64, 128, 224)
    units: tuple[int, ...] = (32, 64, 128, 256)


PRESETS = {
    "smoke": Config(
        seeds=1,
        subject=ImageSubject(objects=1, train_images=300, test_images=40, epochs=2),
        examples=2,
        patch_subject=ImageSubject(objects=1, train_images=60, test_images=1, epochs=1),
        patch_sizes=(20, 24),
        patch_images=4,
        rounds=3,
        sides=(16,),
        units=(8,),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        subject=dataclasses.replace(PAPER_SCALE, objects=1, test_images=5000, epochs=40),
        per_class=20,
        patch_images=500,
    ),
}
