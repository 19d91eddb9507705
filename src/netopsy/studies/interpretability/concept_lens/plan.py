"""The numbers of the concept-lens study, and the names in its tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from netopsy.interpretability.concept_lens.extraction import Extraction
from netopsy.interpretability.concept_lens.importance import Importance
from netopsy.lab.subjects.cues import SUPERCLASSES, CueSetting
from netopsy.lab.subjects.images import PAPER_SCALE, ImageSubject

OPTIMAL: tuple[Importance, ...] = ("gi", "ig", "oc", "ri")
"""Scores that the theorems speak of."""
RANKED: tuple[Importance, ...] = (*OPTIMAL, "sb", "sg", "sq", "vg", "sa")
RANDOM = "random"
ORDERS = 5
"""Random orders that their mean is taken over."""
EXTRACTIONS: tuple[Extraction, ...] = ("pca", "nmf", "kmeans")
JUDGED = ("relative l2", "sparsity", "instability")
MEASURES = (*JUDGED, "frechet", "ood", "agreement")
IMPORTANCE, STANDARDISED, CODES = "importance", "importance, standardised", "codes"
ACTIVATIONS, PIXELS = "activations", "pixels"
GROUPED = (IMPORTANCE, STANDARDISED, CODES, ACTIVATIONS, PIXELS)


@dataclass(frozen=True)
class Affine:
    """Of concept-lens-1."""

    layer: str = "flatten"
    """The penultimate one, behind which the network is affine."""
    concepts: int = 6
    images: int = 100


@dataclass(frozen=True)
class Splits:
    """Of concept-lens-2: each of one class, the classes in turn."""

    count: int = 10
    per_half: int = 200
    """Images in each half of a split, at most."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 4
    subject: ImageSubject = ImageSubject(objects=1, test_images=1000)  # noqa: RUF009 - frozen
    cues: CueSetting = CueSetting()  # noqa: RUF009 - frozen
    layers: tuple[str, ...] = ("features.act3",)
    """Layers of concept-lens-2 and concept-lens-3; the first is judged, others are reported."""
    n_concepts: int = 10
    affine: Affine = Affine()
    splits: Splits = Splits()
    per_class: int = 20
    """Test images of a class that are scored in concept-lens-3, at most."""
    to_fit: int = 100
    """Training images of a class that its concepts come from, at most."""
    examples: int = 60
    """Images of the first run shown in the strategy graph."""
    sides: tuple[int, ...] = (32, 64, 128, 224)
    concepts: tuple[int, ...] = (5, 10, 20)


PRESETS = {
    "smoke": Config(
        seeds=1,
        subject=ImageSubject(objects=1, train_images=200, test_images=12, epochs=1),
        cues=CueSetting(train_images=300, test_images=80, epochs=2),
        n_concepts=3,
        affine=Affine(concepts=3, images=10),
        splits=Splits(count=1, per_half=3),
        per_class=2,
        to_fit=5,
        examples=8,
        sides=(8, 16),
        concepts=(2, 3),
    ),
    "laptop": Config(),
    "paper": Config(
        seeds=5,
        subject=dataclasses.replace(PAPER_SCALE, objects=1, test_images=5000, epochs=40),
        cues=SUPERCLASSES,
        layers=("stage3", "stage2", "stage4"),
        n_concepts=25,
        per_class=100,
        to_fit=500,
    ),
}
