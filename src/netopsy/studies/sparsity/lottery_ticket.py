"""The Lottery Ticket Hypothesis (arXiv 1803.03635), re-tested.

Tickets against the dense network, against their masks on new initial values, against shuffled masks, and against masks
pruned at one go.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.catalogue import claim
from netopsy.core.masks import density
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split
from netopsy.data.augment import crop_and_flip
from netopsy.data.hub import hub_dataset
from netopsy.lab.cells import Cell, Rows
from netopsy.lab.figures import INK, PALETTE, figure, mean_with_band
from netopsy.lab.statistics import Estimate, paired_difference
from netopsy.lab.study import Study
from netopsy.lab.verdicts import Verdict
from netopsy.models import conv_net, lenet_300_100, mlp, resnet
from netopsy.sparsity.lottery import (
    IMPResult,
    iterative_magnitude_pruning,
    iterative_magnitude_pruning_many,
    magnitude_masks,
    reinitialise,
    shuffle_masks,
)
from netopsy.training import Fit, Recipe, fit, fit_many, trainer

PAPER = "lottery-ticket"
Masks = dict[str, Tensor]


@dataclass(frozen=True)
class Setting:
    """A network, its data and how it is trained and pruned: a row of the paper's table."""

    data: str
    network: Callable[..., nn.Module]
    init: str
    recipe: Recipe
    scope: str = "layer"
    conv_rate: float = 0.2
    exclude: tuple[str, ...] = ()
    stacked: bool = True
    """Whether the seeds train as one stack; large networks go one by one."""
    augment: Callable[..., Tensor] | None = None


_SMALL = partial(Recipe, optimizer="adam", batch_size=60)
_DEEP = partial(
    Recipe,
    steps=30_000,
    optimizer="sgd",
    momentum=0.9,
    weight_decay=1e-4,
    batch_size=128,
    schedule="step",
    milestones=(20_000, 25_000),
)
_LENET = partial(Setting, network=lenet_300_100, init="glorot_normal", recipe=_SMALL(steps=50_000, lr=1.2e-3))
_CONV = partial(Setting, "hub:uoft-cs/cifar10", init="glorot_normal", stacked=False)
_RESNET = partial(
    Setting,
    "hub:uoft-cs/cifar10",
    partial(resnet, 20),
    "he_normal",
    scope="global",
    exclude=("output",),
    stacked=False,
    augment=crop_and_flip,
)

SETTINGS = {
    "mlp-digits": Setting("digits", partial(mlp, [64, 300, 100, 10]), "glorot_normal", _SMALL(steps=1000, lr=1.2e-3)),
    "lenet-mnist": _LENET("hub:ylecun/mnist"),
    "lenet-fashion": _LENET("hub:zalando-datasets/fashion_mnist"),
    "conv2-cifar10": _CONV(partial(conv_net, 2), recipe=_SMALL(steps=20_000, lr=2e-4), conv_rate=0.1),
    "conv4-cifar10": _CONV(partial(conv_net, 4), recipe=_SMALL(steps=25_000, lr=3e-4), conv_rate=0.1),
    "conv6-cifar10": _CONV(partial(conv_net, 6), recipe=_SMALL(steps=30_000, lr=3e-4), conv_rate=0.15),
    "resnet20-high": _RESNET(recipe=_DEEP(lr=0.1)),
    "resnet20-low": _RESNET(recipe=_DEEP(lr=0.01)),
    "resnet20-warmup": _RESNET(recipe=_DEEP(lr=0.03, warmup=20_000)),
}


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


def load(data: str) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test part, standardised by the training part."""
    if data == "digits":
        train, validation, test = digits_split()
    else:
        name = data.removeprefix("hub:")
        whole, test = hub_dataset(name, "train"), hub_dataset(name, "test")
        train, validation = whole.split(len(whole) - 5000, 5000)
    train = train.standardise()
    return train, validation.standardise(train), test.standardise(train)


def _rates(setting: Setting, model: nn.Module) -> float | dict[str, float]:
    if setting.scope == "global" or setting.conv_rate == 0.2:
        return 0.2
    rates = {
        f"{name}.weight": setting.conv_rate if isinstance(module, nn.Conv2d) else 0.2
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    return {**rates, list(rates)[-1]: 0.1}  # the output layer, at half the rate of the dense ones


def _tickets(
    setting: Setting,
    models: list[nn.Module],
    data: Dataset,
    recipe: Recipe,
    seeds: Sequence[int],
    rounds: int,
    options: Mapping[str, Any],
) -> list[IMPResult]:
    how: Any = {"rate": _rates(setting, models[0]), "scope": setting.scope, "exclude": setting.exclude}
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


def judge(rows: pd.DataFrame, config: Config) -> list[Verdict]:
    """The four claims, in points of test accuracy at the early-stop step and in steps."""
    look = partial(_column, rows, config.settings[0])
    sparse, matched = config.sparse, config.matched
    beats = 100 * look("ticket", sparse), 100 * look("reinit", sparse)
    equals = 100 * look("ticket", matched), 100 * look("ticket", 0)
    matters = claim(PAPER, "lth-init-matters")
    faster = claim(PAPER, "lth-learns-faster")
    steps = partial(look, value="early_stop_step")
    to_dense = _ratio(steps("ticket", matched), steps("ticket", 0))
    once = claim(PAPER, "lth-iterative-beats-one-shot")
    return [
        Verdict.all_of(
            matters,
            [
                Verdict.above(matters, paired_difference(*beats), 0.2, f"ticket - reinit, round {sparse}, points"),
                Verdict.above(matters, paired_difference(*equals), -0.5, f"ticket - dense, round {matched}, points"),
            ],
        ),
        Verdict.above(
            faster,
            _ratio(steps("reinit", matched), steps("ticket", matched)),
            math.log(1.1),
            f"log(reinit / ticket) of early-stop steps, round {matched} (log(ticket / dense) is {to_dense:.2f})",
        ),
        Verdict.above(
            once,
            paired_difference(100 * look("ticket", sparse), 100 * look("one-shot", sparse)),
            0.0,
            f"iterative - one-shot, round {sparse}, points",
        ),
        _warmup_verdict(rows, config),
    ]


def _warmup_verdict(rows: pd.DataFrame, config: Config) -> Verdict:
    warmup = claim(PAPER, "lth-warmup")
    gains = {
        name: paired_difference(
            100 * _column(rows, name, "ticket", config.matched), 100 * _column(rows, name, "reinit", config.matched)
        )
        for name in ("resnet20-high", "resnet20-low", "resnet20-warmup")
        if name in config.settings
    }
    if len(gains) < 3:
        return Verdict.undecided(warmup, "needs ResNet-20 on CIFAR-10, which only the paper preset trains")
    high = gains["resnet20-high"]
    low = max(gains["resnet20-low"], gains["resnet20-warmup"], key=lambda gain: gain.low)
    detail = "; ".join(f"{name} ticket - reinit {gain:.2f} points" for name, gain in gains.items())
    if math.isnan(high.low) or math.isnan(low.low):
        return Verdict.undecided(warmup, detail)
    holds = high.low <= 0 < low.low
    return Verdict.of(warmup, "holds" if holds else "does not hold", low, detail)


def _column(rows: pd.DataFrame, setting: str, condition: str, r: int, value: str = "accuracy") -> np.ndarray:
    chosen = rows[(rows["setting"] == setting) & (rows["condition"] == condition) & (rows["round"] == r)]
    return chosen.sort_values("seed")[value].to_numpy(float)


def _ratio(above: np.ndarray, below: np.ndarray) -> Estimate:
    return paired_difference(np.log(above), np.log(below))


_LOOK = {"ticket": (PALETTE[0], "o"), "reinit": (PALETTE[1], "s"), "random ticket": (PALETTE[2], "^")}
_LABELS = {
    "ticket": "winning ticket",
    "reinit": "same mask, new weights",
    "random ticket": "shuffled mask, new weights",
}


def draw(rows: pd.DataFrame, config: Config) -> dict[str, Figure]:
    """Accuracy, and the step of early stopping, against the share of weights kept; for every setting."""
    figures = {}
    for name in config.settings:
        own = rows[rows["setting"] == name].assign(points=lambda table: 100 * table["accuracy"])
        suffix = "" if len(config.settings) == 1 else f"-{name}"
        figures[f"accuracy{suffix}"] = _against_density(own, "points", "test accuracy at early stop (%)", one_shot=True)
        figures[f"early-stop{suffix}"] = _against_density(own, "early_stop_step", "step of least validation loss")
    return figures


def _against_density(rows: pd.DataFrame, value: str, label: str, *, one_shot: bool = False) -> Figure:
    drawn, axes = figure(5.6, 3.6)
    for condition, (color, marker) in _LOOK.items():
        table = rows[rows["condition"] == condition].pivot_table(index="seed", columns="round", values=value)
        shares = 100 * rows[rows["condition"] == condition].groupby("round")["density"].mean()
        mean_with_band(axes, shares, table, label=_LABELS[condition], color=color, marker=marker)
    if one_shot:
        points = rows[rows["condition"] == "one-shot"].groupby("round")[["density", value]].mean()
        axes.plot(100 * points["density"], points[value], "D", color=PALETTE[3], label="pruned at one go")
    dense = rows[(rows["condition"] == "ticket") & (rows["round"] == 0)][value].mean()
    axes.axhline(dense, color=INK, linestyle="--", linewidth=1)
    axes.annotate("dense", (0.01, dense), xycoords=("axes fraction", "data"), va="bottom", color=INK, fontsize=8)
    _log_percent(axes)
    axes.set(xlabel="weights kept (%)", ylabel=label)
    axes.legend()
    return drawn


def _log_percent(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.invert_xaxis()
    ticks = [tick for tick in (100, 50, 20, 10, 5, 2, 1) if min(axes.get_xlim()) <= tick]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()


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
