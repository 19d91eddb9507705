"""What the lottery ticket study measures: tickets, and their controls trained beside them.

Tickets against the dense network, against their masks on new initial values, against shuffled masks, and against masks
pruned at one go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from netopsy.core.masks import density
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset
from netopsy.lab import Cell, Rows
from netopsy.sparsity.lottery_ticket import (
    IMPResult,
    iterative_magnitude_pruning,
    iterative_magnitude_pruning_many,
    magnitude_masks,
    reinitialise,
    shuffle_masks,
)
from netopsy.studies.sparsity.lottery_ticket.plan import SETTINGS, Config, Setting, load
from netopsy.training import Fit, Recipe, fit, fit_many, trainer

Masks = dict[str, Tensor]


def plan(config: Config) -> Iterable[Cell]:
    """A cell for every setting and every stack of seeds."""
    for name in config.settings:
        for first in range(0, config.seeds, config.stack):
            yield Cell.of(
                networks,
                setting=name,
                seeds=tuple(range(first, min(first + config.stack, config.seeds))),
                rounds=config.rounds,
                compared=config.compared,
                one_shot=tuple(sorted({config.matched, config.sparse})),
                evaluate_every=config.evaluate_every,
                steps=config.steps or SETTINGS[name].recipe.steps,
            )


def networks(
    setting: str,
    seeds: tuple[int, ...],
    rounds: int,
    compared: tuple[int, ...],
    one_shot: tuple[int, ...],
    evaluate_every: int,
    steps: int,
) -> Rows:
    """Train the tickets and controls of some seeds; a row for every trained network."""
    own = SETTINGS[setting]
    recipe = dataclasses.replace(own.recipe, steps=steps)
    train, validation, test = (part.to(best_device()) for part in load(own.data))
    options = {"evaluation": {"validation": validation, "test": test}, "evaluate_every": evaluate_every}

    def build(seed: int) -> nn.Module:
        return own.network(seed=seed).to(best_device())

    tickets = _tickets(own, [build(seed) for seed in seeds], train, recipe, seeds, rounds, options)
    controls = []
    for seed, found in zip(seeds, tickets, strict=True):
        for r in range(rounds + 1):
            yield _row(seed, "ticket", r, found.density[r], found.fits[r])
        for control in _controls(found, own, seed, compared, one_shot, build):
            controls.append((seed, *control))
    owners, conditions, places, models, masks = (list(each) for each in zip(*controls, strict=True))
    fits = _train(own, models, train, recipe, owners, masks, options)
    for seed, condition, r, mask, run in zip(owners, conditions, places, masks, fits, strict=True):
        yield _row(seed, condition, r, density(mask), run)


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


def _row(seed: int, condition: str, r: int, share: float, run: Fit) -> dict[str, Any]:
    history, best = run.history, run.history.best("validation")
    return {
        "seed": seed,
        "condition": condition,
        "round": r,
        "density": share,
        "early_stop_step": int(history.steps[best]),
        "validation_loss": float(history.loss["validation"][best]),
        "accuracy": float(history.accuracy["test"][best]),
        "final_accuracy": float(history.accuracy["test"][-1]),
    }
