"""Are a few paths enough to name a class, are they needed, and are they found again? Ahmad et al. 2024 re-tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from netopsy.lab import Cell, Rows, Study
from netopsy.studies.interpretability._causal_figures import draw
from netopsy.studies.interpretability._causal_measures import cost, graphs_of, stability, steepness, sufficiency
from netopsy.studies.interpretability._causal_networks import MAPPED, Setting, trained
from netopsy.studies.interpretability._causal_verdicts import judge
from netopsy.training import evaluate


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 3
    settings: tuple[Setting, ...] = (Setting(),)
    images: int = 100
    """Training images of a class that its graph is found from, at most."""
    draws: int = 5
    """Random graphs that each graph is compared with."""
    explained: int = 60
    """Unseen images whose maps are compared, in each run."""
    perturbations: int = 10
    """Noisy copies of each."""
    segments: int | None = None
    """About how many segments IROF removes; ``None`` leaves it out, as on images too small for segments."""
    betas: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    repeats: int = 5
    sides: tuple[int, ...] = (32, 64, 128, 224)
    """Images for which finding a graph is timed, pixels a side."""
    units: tuple[int, ...] = (32, 64, 128, 256)
    """Units of the dense layer for which it is timed."""


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell: train it, then measure everything on it. And one cell for what a graph costs."""
    for setting in config.settings:
        for seed in range(config.seeds):
            numbers = {
                name: getattr(config, name)
                for name in ("images", "draws", "explained", "perturbations", "segments", "betas", "repeats")
            }
            parameters = {"setting": dataclasses.asdict(setting), "seed": seed, **numbers}
            yield Cell(f"{setting.network} on {setting.data}, run {seed}", parameters)
    yield Cell("cost", {"sides": config.sides, "units": config.units})


def measure(cell: Cell) -> Rows:
    """Rows of the kinds accuracy, class, layer, halves, beta and lipschitz; or of the two kinds of cost."""
    given = cell.parameters
    if "sides" in given:
        return list(cost(given["sides"], given["units"]))
    setting, seed = Setting.of(given["setting"]), given["seed"]
    model, train, test = trained(setting, seed)
    graphs, used = graphs_of(model, train, given["images"])
    rows: Rows = [{"measure": "accuracy", "value": evaluate(model, test).accuracy}]
    rows += sufficiency(model, graphs, test, given["draws"], seed)
    rows += stability(model, used, graphs, given["betas"], given["repeats"], seed)
    rows += steepness(
        model,
        graphs,
        test,
        MAPPED[setting.network],
        given["explained"],
        given["perturbations"],
        given["segments"],
        seed,
    )
    return [{"network": setting.network, "seed": seed, **row} for row in rows]


_CIFAR = Setting(data="uoft-cs/cifar10", network="lenet", batch_size=128, lr=2e-3, steps=12000)

STUDY = Study(
    paper="causal-paths",
    presets={
        "smoke": Config(
            seeds=1,
            settings=(Setting(steps=60),),
            images=20,
            draws=2,
            explained=6,
            perturbations=2,
            betas=(0.0, 0.5),
            repeats=1,
            sides=(8, 16),
            units=(8, 16),
        ),
        "laptop": Config(),
        "paper": Config(seeds=5, settings=(_CIFAR, dataclasses.replace(_CIFAR, network="vgg11")), segments=40),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce causal-paths``."""
