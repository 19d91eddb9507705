"""Do preferred images need priors, what do layers keep, which filters settle first, what do units mean? Qin et al. 2018
re-tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from netopsy.lab import Cell, Rows, Study, Verdict
from netopsy.studies.interpretability._cnn_synthesis import (
    InversionSetting,
    MaximisationSetting,
    measure_inversion,
    measure_maximisation,
)
from netopsy.studies.interpretability._cnn_synthesis_cost import measure_cost
from netopsy.studies.interpretability._cnn_synthesis_figures import draw_synthesis
from netopsy.studies.interpretability._cnn_synthesis_verdicts import judge_synthesis
from netopsy.studies.interpretability._cnn_units import (
    DeconvSetting,
    DissectionSetting,
    measure_deconvnet,
    measure_dissection,
)
from netopsy.studies.interpretability._cnn_units_figures import draw_units
from netopsy.studies.interpretability._cnn_units_verdicts import judge_units
from netopsy.studies.interpretability._patch_networks import VGG, Setting


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    network: Setting = Setting()  # noqa: RUF009 - frozen
    maximisation: MaximisationSetting = MaximisationSetting()  # noqa: RUF009 - frozen
    inversion: InversionSetting = InversionSetting()  # noqa: RUF009 - frozen
    deconvnet: DeconvSetting = DeconvSetting()  # noqa: RUF009 - frozen
    dissection: DissectionSetting = DissectionSetting()  # noqa: RUF009 - frozen
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images whose synthesis is timed, pixels a side."""
    counts: tuple[int, ...] = (1, 4, 16, 64)
    """And how many at once."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell trains a network and measures one thing on it; its kind says which."""
    network = dataclasses.asdict(config.network)
    for seed in range(config.seeds):
        common = {"seed": seed, "network": network}
        for kind in ("maximisation", "inversion", "deconvnet", "dissection"):
            own = dataclasses.asdict(getattr(config, kind))
            yield Cell(f"{kind}, run {seed}", {"kind": kind, **common, kind: own})
    yield Cell("cost", {"kind": "cost", "sides": config.sides, "counts": config.counts})


MEASURES: Mapping[str, Callable[[Mapping[str, Any]], Rows]] = {
    "maximisation": measure_maximisation,
    "inversion": measure_inversion,
    "deconvnet": measure_deconvnet,
    "dissection": measure_dissection,
    "cost": measure_cost,
}


def measure(cell: Cell) -> Rows:
    """Rows of the cell's kind, each with the ``measure`` it belongs to."""
    return MEASURES[cell.parameters["kind"]](cell.parameters)


def judge(rows: pd.DataFrame, config: Config) -> list[Verdict]:
    """One verdict a claim."""
    return [*judge_synthesis(rows), *judge_units(rows, config)]


def draw(rows: pd.DataFrame, config: Config) -> dict[str, Figure]:
    """The pictures and curves of all claims."""
    return {**draw_synthesis(rows), **draw_units(rows, config)}


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

STUDY = Study(
    paper="cnn-visualization",
    presets={
        "smoke": Config(
            seeds=1,
            network=_SMALL,
            maximisation=MaximisationSetting(steps=2, decoder_images=40, decoder_epochs=1),
            inversion=InversionSetting(
                images=4, steps=2, strengths=(1e-3, 1e-2), decoder_images=40, decoder_epochs=1, decoder_width=8, shown=2
            ),
            deconvnet=DeconvSetting(images=40, looks=1, shown=1, columns=2),
            dissection=DissectionSetting(
                images=60, train_images=100, epochs=1, rotations=3, shares=(0.5,), partly=1, sides=(32,), counts=(8,)
            ),
            sides=(16,),
            counts=(1, 2),
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
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce cnn-visualization``."""
