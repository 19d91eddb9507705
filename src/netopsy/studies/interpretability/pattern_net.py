"""Do a few filters together say more than one, and do they find the object? Li et al. 2018 re-tested."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.interpretability.pattern_net import PatternMiner
from netopsy.lab import Cell, Rows, Study
from netopsy.studies.interpretability._patchwise import speed
from netopsy.studies.interpretability._pattern_figures import draw
from netopsy.studies.interpretability._pattern_measures import classification, cost, examples, proposals, telling
from netopsy.studies.interpretability._pattern_verdicts import judge
from netopsy.studies.interpretability._single_objects import (
    LAYERS,
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
    setting: Setting = Setting(test_images=400)  # noqa: RUF009 - frozen
    per_class: int = 5
    boxes: int = 10
    """Proposals an image."""
    examples: int = 6
    """Images of the first run shown for each class."""
    patch_setting: Setting = Setting(test_images=1)  # noqa: RUF009 - frozen
    """The network on which one pass is compared with patches."""
    patch_sizes: tuple[int, ...] = (24, 48, 96)
    patch_images: int = 64
    rounds: int = 5
    sides: tuple[int, ...] = (32, 64, 128, 224)
    units: tuple[int, ...] = (32, 64, 128, 256)


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell; one cell for the speed against patches, and one for what mining costs."""
    for seed in range(config.seeds):
        yield Cell(
            f"{config.setting.data}, run {seed}",
            {
                "setting": parameters_of(config.setting),
                "seed": seed,
                "per_class": config.per_class,
                "boxes": config.boxes,
                "examples": config.examples if seed == 0 else 0,
            },
        )
    patches = {"sizes": config.patch_sizes, "images": config.patch_images, "rounds": config.rounds}
    yield Cell("speed", {"patches": patches, "setting": parameters_of(config.patch_setting)})
    yield Cell("cost", {"sides": config.sides, "units": config.units})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds class, pattern, answer, box and example; or speed and agreement; or the two kinds of cost."""
    given = cell.parameters
    if "sides" in given:
        return list(cost(given["sides"], given["units"]))
    setting = Setting.of(given["setting"])
    earlier, last = LAYERS[setting.network]
    if "patches" in given:
        model, _, _ = trained(setting, 0)
        numbers = given["patches"]
        return list(speed(model, last, numbers["sizes"], numbers["images"], numbers["rounds"]))
    seed = given["seed"]
    model, _, test = trained(setting, seed)
    train = training_objects(setting, seed)
    rows: Rows = []
    for name, layer in (("last", last), ("earlier", earlier)):
        miner = PatternMiner(model, layer, per_class=given["per_class"]).fit(train.images, train.labels)
        measured: Rows = list(telling(miner, train, test))
        measured += proposals(miner, test, given["boxes"], seed)
        if name == "last":
            measured += classification(miner, train, test, seed)
            measured += examples(miner, test, given["examples"])
        rows += [{"layer": name, "seed": seed, **row} for row in measured]
    return rows


STUDY = Study(
    paper="pattern-net",
    presets={
        "smoke": Config(
            seeds=1,
            setting=Setting(train_images=300, test_images=40, epochs=2),
            examples=2,
            patch_setting=Setting(train_images=60, test_images=1, epochs=1),
            patch_sizes=(24, 32),
            patch_images=4,
            rounds=3,
            sides=(16, 32),
            units=(16, 32),
        ),
        "laptop": Config(),
        "paper": Config(seeds=5, setting=PASTED, per_class=20, patch_images=500),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce pattern-net``."""
