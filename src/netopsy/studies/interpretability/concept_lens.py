"""Are concept scores optimal, extraction a trade, and images of a class told apart by their reasons? Fel et al. 2023
re-tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.core.seeds import derive
from netopsy.lab import Cell, Rows, Study
from netopsy.studies.interpretability._concept_lens_figures import draw
from netopsy.studies.interpretability._concept_lens_measures import affine, cost, extraction, ranking
from netopsy.studies.interpretability._concept_lens_strategies import strategies
from netopsy.studies.interpretability._concept_lens_verdicts import judge
from netopsy.studies.interpretability._hidden_cues import CueSetting
from netopsy.studies.interpretability._single_objects import (
    PASTED,
    Setting,
    parameters_of,
    trained,
    training_objects,
)


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    setting: Setting = Setting()  # noqa: RUF009 - frozen
    cues: CueSetting = CueSetting()  # noqa: RUF009 - frozen
    layers: tuple[str, ...] = ("features.act3",)
    """Layers of concept-lens-2 and concept-lens-3; the first is judged, others are reported."""
    penultimate: str = "flatten"
    n_concepts: int = 10
    affine_concepts: int = 6
    affine_images: int = 100
    splits: int = 10
    """Of concept-lens-2: each of one class, the classes in turn."""
    per_half: int = 200
    """Images in each half of a split, at most."""
    per_class: int = 20
    """Test images of a class that are scored in concept-lens-3, at most."""
    to_fit: int = 100
    """Training images of a class that its concepts come from, at most."""
    examples: int = 60
    """Images of the first run shown in the strategy graph."""
    sides: tuple[int, ...] = (32, 64, 128, 224)
    concepts: tuple[int, ...] = (5, 10, 20)


def plan(config: Config) -> Iterable[Cell]:
    """A run: one network and all that is measured on it. A cell for each hidden-cue network; and one for the cost."""
    for seed in range(config.seeds):
        common = {"seed": seed, "n_concepts": config.n_concepts}
        yield Cell(
            f"{config.setting.data}, run {seed}",
            {
                **common,
                "setting": parameters_of(config.setting),
                "layers": config.layers,
                "penultimate": config.penultimate,
                "affine_concepts": config.affine_concepts,
                "affine_images": config.affine_images,
                "splits": config.splits,
                "per_half": config.per_half,
                "per_class": config.per_class,
                "to_fit": config.to_fit,
            },
        )
        cues = dataclasses.asdict(config.cues)
        yield Cell(f"hidden cues, run {seed}", {**common, "cues": cues, "examples": config.examples})
    yield Cell("cost", {"sides": config.sides, "concepts": config.concepts})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds affine, extraction, ranking and curve; or cluster and image; or cost."""
    given = cell.parameters
    if "sides" in given:
        return list(cost(given["sides"], given["concepts"]))
    seed, count = given["seed"], given["n_concepts"]
    if "cues" in given:
        found = strategies(CueSetting.of(given["cues"]), count, given["examples"] if seed == 0 else 0, seed)
        return [{"seed": seed, **row} for row in found]
    setting = Setting.of(given["setting"])
    model, _, test = trained(setting, seed)
    train = training_objects(setting, seed).to(test.images.device)
    rows: Rows = list(
        affine(model, train, test, given["penultimate"], given["affine_concepts"], given["affine_images"])
    )
    for layer in given["layers"]:
        random = derive(seed, "splits", layer)
        rows += extraction(model, train, layer, count, given["splits"], given["per_half"], random)
        rows += ranking(model, train, test, layer, count, given["to_fit"], given["per_class"], random)
    return [{"seed": seed, **row} for row in rows]


_SUPERCLASSES = CueSetting(
    data="uoft-cs/cifar10",
    network="resnet18",
    train_images=None,
    test_images=5000,
    epochs=30,
    batch_size=128,
    lr=1e-3,
    widths=(64, 128, 256, 512),
)

STUDY = Study(
    paper="concept-lens",
    presets={
        "smoke": Config(
            seeds=1,
            setting=Setting(train_images=300, test_images=60, epochs=1),
            cues=CueSetting(train_images=300, test_images=80, epochs=4),
            n_concepts=3,
            affine_concepts=4,
            affine_images=10,
            splits=3,
            per_half=3,
            per_class=2,
            to_fit=5,
            examples=8,
            sides=(8, 16),
            concepts=(2, 3),
        ),
        "laptop": Config(),
        "paper": Config(
            seeds=5,
            setting=PASTED,
            cues=_SUPERCLASSES,
            layers=("stage3", "stage2", "stage4"),
            n_concepts=25,
            per_class=100,
            to_fit=500,
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce concept-lens``."""
