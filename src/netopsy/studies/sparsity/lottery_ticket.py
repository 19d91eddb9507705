"""The Lottery Ticket Hypothesis (arXiv 1803.03635), re-tested.

Tickets against the dense network, against their masks on new initial values, against shuffled masks, and against masks
pruned at one go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from netopsy.core.masks import density
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset
from netopsy.lab import Cell, Rows, Study
from netopsy.sparsity.lottery_ticket import (
    IMPResult,
    iterative_magnitude_pruning,
    iterative_magnitude_pruning_many,
    magnitude_masks,
    reinitialise,
    shuffle_masks,
)
from netopsy.studies.sparsity._lottery_figures import draw
from netopsy.studies.sparsity._lottery_settings import SETTINGS, Setting, load
from netopsy.studies.sparsity._lottery_verdicts import PAPER, judge
from netopsy.training import Fit, Recipe, fit, fit_many, trainer

Masks = dict[str, Tensor]


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    settings: tuple[str, ...] = ("mlp-digits",)
    """Names in `SETTINGS`; the first is the one the claims about small networks are judged on."""
    seeds: int = 8
    stack: int = 4
    """Seeds in one cell."""
    rounds: int = 15
    compared: tuple[int, ...] = (3, 7, 12, 15)
    """Rounds at which the controls are trained."""
    matched: int = 7
    """The round where a ticket should equal the dense network and learn faster: density about 21 %."""
    sparse: int = 12
    """The round where a ticket should beat its controls: density about 7 %."""
    evaluate_every: int = 20
    steps: int | None = None
    """Replaces the setting's own number of steps."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for every setting and every stack of seeds."""
    for name in config.settings:
        for first in range(0, config.seeds, config.stack):
            seeds = list(range(first, min(first + config.stack, config.seeds)))
            yield Cell(
                f"{name}, seeds {seeds[0]} to {seeds[-1]}",
                {
                    "setting": name,
                    "seeds": seeds,
                    "rounds": config.rounds,
                    "compared": config.compared,
                    "one_shot": sorted({config.matched, config.sparse}),
                    "evaluate_every": config.evaluate_every,
                    "steps": config.steps or SETTINGS[name].recipe.steps,
                },
            )


def measure(cell: Cell) -> Rows:
    """Train the tickets and controls of some seeds; a row for every trained network."""
    given = cell.parameters
    setting, seeds = SETTINGS[given["setting"]], given["seeds"]
    recipe = dataclasses.replace(setting.recipe, steps=given["steps"])
    train, validation, test = (part.to(best_device()) for part in load(setting.data))
    options = {"evaluation": {"validation": validation, "test": test}, "evaluate_every": given["evaluate_every"]}

    def build(seed: int) -> nn.Module:
        return setting.network(seed=seed).to(best_device())

    found = _tickets(setting, [build(seed) for seed in seeds], train, recipe, seeds, given["rounds"], options)
    rows = [
        _row(given["setting"], seed, "ticket", r, own.density[r], own.fits[r])
        for seed, own in zip(seeds, found, strict=True)
        for r in range(given["rounds"] + 1)
    ]
    controls = [
        (seed, condition, r, model, masks)
        for seed, own in zip(seeds, found, strict=True)
        for condition, r, model, masks in _controls(own, setting, seed, given["compared"], given["one_shot"], build)
    ]
    fits = _train(
        setting, [c[3] for c in controls], train, recipe, [c[0] for c in controls], [c[4] for c in controls], options
    )
    return rows + [
        _row(given["setting"], seed, condition, r, density(masks), run)
        for (seed, condition, r, _, masks), run in zip(controls, fits, strict=True)
    ]


def _tickets(
    setting: Setting,
    models: list[nn.Module],
    data: Dataset,
    recipe: Recipe,
    seeds: Sequence[int],
    rounds: int,
    options: Mapping[str, Any],
) -> list[IMPResult]:
    how: Any = {"rate": setting.rates(models[0]), "scope": setting.scope, "exclude": setting.exclude}
    if setting.stacked:
        return iterative_magnitude_pruning_many(models, data, recipe, rounds, seeds=seeds, **how, **options)
    return [
        iterative_magnitude_pruning(
            model, trainer(data, recipe, seed=seed, augment=setting.augment, **options), rounds, **how
        )
        for model, seed in zip(models, seeds, strict=True)
    ]


def _controls(
    own: IMPResult,
    setting: Setting,
    seed: int,
    compared: Sequence[int],
    one_shot: Sequence[int],
    build: Callable[[int], nn.Module],
) -> Iterable[tuple[str, int, nn.Module, Masks]]:
    """Condition, round, untrained network and masks of every control of one seed."""
    for r in compared:
        masks = own.masks[r]
        yield "reinit", r, reinitialise(own.network, masks, init=setting.init, seed=derive(seed, "reinit", r)), masks
        shuffled = shuffle_masks(masks, seed=derive(seed, "shuffle", r))
        fresh = derive(seed, "random ticket", r)
        yield "random ticket", r, reinitialise(own.network, shuffled, init=setting.init, seed=fresh), shuffled
    for r in one_shot:
        yield "one-shot", r, build(seed), one_shot_masks(own, r, setting.scope)


def one_shot_masks(own: IMPResult, r: int, scope: str) -> Masks:
    """The dense network pruned at one go to the numbers of weights that round ``r`` has, layer by layer or in all."""
    trained = {name: own.final[0][name] for name in own.masks[r]}
    if scope == "global":
        return magnitude_masks(trained, rate=1 - density(own.masks[r]), scope="global")
    rates = {name: 1 - density({name: mask}) for name, mask in own.masks[r].items()}
    return magnitude_masks(trained, rate=rates)


def _train(
    setting: Setting,
    models: list[nn.Module],
    data: Dataset,
    recipe: Recipe,
    seeds: Sequence[int],
    masks: list[Masks],
    options: Mapping[str, Any],
) -> list[Fit]:
    if setting.stacked:
        return fit_many(models, data, recipe, seeds=seeds, masks=masks, **options)
    return [
        fit(model, data, recipe, seed=seed, masks=mask, augment=setting.augment, **options)
        for model, seed, mask in zip(models, seeds, masks, strict=True)
    ]


def _row(setting: str, seed: int, condition: str, r: int, share: float, run: Fit) -> dict[str, Any]:
    history, best = run.history, run.history.best("validation")
    return {
        "setting": setting,
        "seed": seed,
        "condition": condition,
        "round": r,
        "density": share,
        "early_stop_step": int(history.steps[best]),
        "validation_loss": float(history.loss["validation"][best]),
        "accuracy": float(history.accuracy["test"][best]),
        "final_accuracy": float(history.accuracy["test"][-1]),
    }


STUDY = Study(
    paper=PAPER,
    presets={
        "smoke": Config(seeds=3, stack=3, rounds=3, compared=(1, 3), matched=1, sparse=3, steps=40),
        "laptop": Config(),
        "paper": Config(
            settings=(
                "lenet-mnist",
                "lenet-fashion",
                "conv2-cifar10",
                "conv4-cifar10",
                "conv6-cifar10",
                "resnet20-high",
                "resnet20-low",
                "resnet20-warmup",
            ),
            seeds=5,
            stack=1,
            evaluate_every=100,
        ),
    },
    plan=plan,
    measure=measure,
    judge=judge,
    draw=draw,
)
