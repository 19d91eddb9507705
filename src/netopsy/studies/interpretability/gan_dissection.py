"""Do hidden units of a generator stand for things, and do they cause them? Bau et al. 2019 re-tested on scenes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.core.seeds import derive
from netopsy.lab import Cell, Rows, Study
from netopsy.studies.interpretability._gan_dissection_cost import cost
from netopsy.studies.interpretability._gan_dissection_figures import draw
from netopsy.studies.interpretability._gan_dissection_measures import (
    Actors,
    Found,
    agreement,
    inserted,
    pictures,
    presence,
    removed,
    shown_objects,
)
from netopsy.studies.interpretability._gan_dissection_verdicts import judge
from netopsy.studies.interpretability._scene_generator import (
    Setting,
    trained_generator,
    trained_segmenter,
    with_tuples,
)


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    """Generators, each trained from its own start on its own scenes."""
    setting: Setting = Setting()  # noqa: RUF009 - frozen
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
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose dissection is timed, pixels a side."""
    timed_units: tuple[int, ...] = (16, 64, 256, 512)


_MEASURED = tuple(
    field.name for field in dataclasses.fields(Config) if field.name not in ("seeds", "setting", "sides", "timed_units")
)


def plan(config: Config) -> Iterable[Cell]:
    """One generator a cell: train it or take it from the cache, then measure everything on it. And one for the cost."""
    for seed in range(config.seeds):
        numbers = {name: getattr(config, name) for name in _MEASURED}
        yield Cell(f"generator {seed}", {"setting": dataclasses.asdict(config.setting), "seed": seed, **numbers})
    yield Cell("cost", {"sides": config.sides, "units": config.timed_units})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds presence, iou, labelled, full, removal, curve, insertion and picture; or of the kind cost."""
    if "sides" in cell.parameters:
        return list(cost(cell.parameters["sides"], cell.parameters["units"]))
    numbers = dict(cell.parameters)
    setting, seed = Setting.of(numbers.pop("setting")), numbers.pop("seed")
    actors = Actors(trained_generator(setting, seed), trained_segmenter(setting), setting, derive(seed, "measured"))
    config = Config(**with_tuples(numbers))
    rows: Rows = list(presence(actors))
    reports: Found = {}
    rows += agreement(actors, config, reports)
    shown = shown_objects(rows)
    rows += removed(actors, config, reports, shown)
    rows += inserted(actors, config, reports, shown)
    if seed == 0:
        rows += pictures(actors, config, reports, shown)
    return [{"seed": seed, **row} for row in rows]


STUDY = Study(
    paper="gan-dissection",
    presets={
        "smoke": Config(
            seeds=1,
            setting=Setting(images=200, steps=2, labelled=50, segmenter_steps=40, widths=(8, 8, 8)),
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
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce gan-dissection``."""
