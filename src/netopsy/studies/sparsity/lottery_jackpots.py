"""Does a trained network hold a sparse one that works with the weights as they are? Zhang et al. 2023 re-tested.

Searches for a mask from the largest weights and from random ones, with and without restricted swaps, against the dense
network, one-shot pruning with new statistics, and the same search among weights that were never trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.computed import copied
from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.masks import Masks, zero_masked
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, batches_per_epoch, crop_and_flip, digits_split
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, below, paired_difference
from netopsy.lab.plots import bars, mean_with_band
from netopsy.lab.statistics import mean_interval
from netopsy.lab.subjects.tickets import load
from netopsy.models import resnet, small_conv_net, vgg
from netopsy.sparsity import criteria
from netopsy.sparsity.lottery_jackpots import Jackpot, find_jackpot, find_jackpots, mask_overlap
from netopsy.training import Recipe, evaluate, fit, fit_many
from netopsy.training.recalibration import recalibrated

JACKPOT, FREE = "magnitude start, restricted", "magnitude start"
RANDOM, RANDOM_FREE = "random start, restricted", "random start"
FRESH = "new weights, restricted"
DENSE, ONE_SHOT, RECALIBRATED = "dense", "one-shot", "one-shot, new statistics"
CRITERIA = ("magnitude", "snip", "taylor", "random")
CHANCE = "by chance"
POWER = 4.0
SEARCHES: Mapping[str, tuple[str, float | None]] = {
    JACKPOT: ("magnitude", POWER),
    FREE: ("magnitude", None),
    RANDOM: ("random", POWER),
    RANDOM_FREE: ("random", None),
    FRESH: ("magnitude", POWER),
}
"""What each search starts from, and its restriction."""
PAPERS_RATIO, SMOOTH = 3.0, 3


@dataclass(frozen=True)
class Setting:
    """A network, its data and how it is trained before the search."""

    network: Callable[..., nn.Module]
    data: str = "digits"
    lr: float = 0.1
    weight_decay: float = 5e-4
    batch_size: int = 100
    """Of training and search."""
    stacked: bool = True
    """Whether the seeds train and search as one stack; large networks go one by one."""
    augment: Any = None

    def parts(self) -> tuple[Dataset, Dataset]:
        """Training and test part, standardised by the first, where the networks are."""
        if self.data != "digits":
            train, _, test = load(self.data)
        else:
            train, test = digits_split(sizes=(1297, 500))
            train = train.standardise()
            test = test.standardise(train)
        return train.to(best_device()), test.to(best_device())

    def trained(self, data: Dataset, seeds: Sequence[int], epochs: int) -> list[nn.Module]:
        """The dense networks."""
        recipe = Recipe(
            steps=epochs * batches_per_epoch(len(data), self.batch_size),
            batch_size=self.batch_size,
            optimizer="sgd",
            lr=self.lr,
            momentum=0.9,
            weight_decay=self.weight_decay,
            schedule="cosine",
        )
        models = [self.network(seed=derive(seed, "init")).to(best_device()) for seed in seeds]
        if self.stacked:
            fit_many(models, data, recipe, seeds=seeds)
        else:
            for model, seed in zip(models, seeds, strict=True):
                fit(model, data, recipe, seed=seed, augment=self.augment)
        return models

    def searches(
        self, models: Sequence[nn.Module], data: Dataset, seeds: Sequence[int], how: Sequence[str], **options: Any
    ) -> list[Jackpot]:
        """A search in each network."""
        inits, powers = zip(*(SEARCHES[name] for name in how), strict=True)
        options["batch_size"] = self.batch_size
        if self.stacked:
            return find_jackpots(models, data, seeds=seeds, init=inits, restriction=powers, **options)
        each = zip(models, seeds, inits, powers, strict=True)
        return [find_jackpot(m, data, seed=seed, init=init, restriction=r, **options) for m, seed, init, r in each]


_CIFAR = partial(Setting, data="hub:uoft-cs/cifar10", batch_size=256, stacked=False, augment=crop_and_flip)
SETTINGS = {
    "resnet8-digits": Setting(partial(resnet, 8, channels=1, width=8, shortcut="conv")),
    "convolutions-digits": Setting(partial(small_conv_net, (4, 8), (1, 2))),
    "resnet32-cifar10": _CIFAR(partial(resnet, 32, width=32)),
    "vgg19-cifar10": _CIFAR(partial(vgg, 19), lr=0.05),
}


@dataclass(frozen=True)
class Config:
    """Every number of the experiment; of settings, sparsities and epochs the first ones answer the claims."""

    settings: tuple[str, ...] = ("resnet8-digits",)
    sparsities: tuple[float, ...] = (0.9,)
    epochs: tuple[int, ...] = (10,)
    """Of the search."""
    training: int = 15
    """Epochs that the dense networks are trained for."""
    every: int = 5
    """Steps between two evaluations."""
    seeds: int = 8
    stack: int = 4
    """Seeds in one cell."""

    @property
    def judged(self) -> dict[str, Any]:
        """Where in the tables the claims are answered."""
        return {"setting": self.settings[0], "sparsity": self.sparsities[0], "epochs": self.epochs[0]}


def plan(config: Config) -> Iterable[Cell]:
    """A cell for every setting, sparsity, length of search and stack of seeds."""
    for setting in config.settings:
        for sparsity in config.sparsities:
            for epochs in config.epochs:
                for first in range(0, config.seeds, config.stack):
                    yield Cell.of(
                        networks,
                        setting=setting,
                        sparsity=sparsity,
                        epochs=epochs,
                        training=config.training,
                        every=config.every,
                        seeds=tuple(range(first, min(first + config.stack, config.seeds))),
                    )


def networks(setting: str, sparsity: float, epochs: int, training: int, every: int, seeds: tuple[int, ...]) -> Rows:
    """Train the dense networks of some seeds and search each in every way; rows by what they say."""
    own = SETTINGS[setting]
    train, test = own.parts()
    dense = own.trained(train, seeds, training)
    fresh = [own.network(seed=derive(seed, "new weights")).to(best_device()) for seed in seeds]
    how = [name for name in SEARCHES for _ in seeds]
    models = [each for name in SEARCHES for each in (fresh if name == FRESH else dense)]
    options = {"sparsity": sparsity, "epochs": epochs, "evaluation": {"test": test}, "evaluate_every": every}
    found = own.searches(models, train, [*seeds] * len(SEARCHES), how, **options)
    for place, (name, jackpot) in enumerate(zip(how, found, strict=True)):
        seed, model = seeds[place % len(seeds)], models[place]
        yield from _searched(jackpot, seed, name)
        if name == FRESH:
            continue
        masks = criterion_masks(model, train, jackpot, seed, own.batch_size)
        yield from _overlaps(jackpot, masks, seed, name)
        if name == JACKPOT:
            yield _accuracy(seed, DENSE, evaluate(model, test).accuracy)
            pruned = zero_masked(copied(model), masks["magnitude"])
            yield _accuracy(seed, ONE_SHOT, evaluate(pruned, test).accuracy)
            again = recalibrated(pruned, train.inputs, batch_size=own.batch_size)
            yield _accuracy(seed, RECALIBRATED, evaluate(again, test).accuracy)


def _accuracy(seed: int, method: str, accuracy: float) -> dict[str, Any]:
    return {"what": "accuracy", "seed": seed, "method": method, "value": 100 * accuracy}


def _searched(found: Jackpot, seed: int, method: str) -> Iterator[dict[str, Any]]:
    """The course of one search, its end, and how steady it was."""
    history, row = found.history, {"seed": seed, "method": method}
    accuracies, losses = history.accuracy["test"].tolist(), history.loss["test"].tolist()
    yield _accuracy(seed, method, accuracies[-1])
    for step, loss, accuracy in zip(history.steps.tolist(), losses, accuracies, strict=True):
        yield {"what": "course", **row, "step": step, "loss": loss, "accuracy": 100 * accuracy}
    last = history.train_loss[-(len(history.train_loss) // 3) :]
    yield {"what": "spread", **row, "value": float(last.std())}
    yield {"what": "swaps", **row, "value": int(found.allowed.sum())}


def _overlaps(found: Jackpot, masks: Mapping[str, Masks], seed: int, method: str) -> Iterator[dict[str, Any]]:
    """What the mask has in common with each of the others."""
    row = {"what": "overlap", "seed": seed, "method": method}
    shared = {criterion: mask_overlap(found.masks, other) for criterion, other in masks.items()}
    for criterion, overlap in shared.items():
        yield {**row, "criterion": criterion, "value": overlap.pooled}
    yield {**row, "criterion": CHANCE, "value": shared["magnitude"].chance}


def criterion_masks(model: nn.Module, data: Dataset, found: Jackpot, seed: int, batch_size: int) -> dict[str, Masks]:
    """The masks of the criteria on the trained network, with as many weights in every layer as were found.

    SNIP goes by the gradient over ten batches together, Taylor by the mean of its squared terms over the ten: of the
    same gradient the two would be one order.
    """
    inputs, targets = data.inputs[: 10 * batch_size], data.targets[: 10 * batch_size]
    names, density = list(found.masks), {name: 1 - rate for name, rate in found.layer_rates.items()}

    def of(criterion: str, *batch: Tensor) -> dict[str, Tensor]:
        return criteria.scores(model, criterion, *batch, names=names, seed=derive(seed, "criterion"))

    terms = [of("taylor", *batch) for batch in zip(inputs.split(batch_size), targets.split(batch_size), strict=True)]
    scores = {
        "magnitude": of("magnitude"),
        "snip": of("snip", inputs, targets),
        "taylor": {name: torch.stack([each[name] for each in terms]).mean(0) for name in names},
        "random": of("random"),
    }
    return {criterion: criteria.keep_largest(own, density) for criterion, own in scores.items()}


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Paired over the seeds."""
    points = _wide(tables, config, "accuracy")
    beside = {name: points[name].mean() for name in (ONE_SHOT, RECALIBRATED, DENSE, FREE, FRESH)}
    lost = paired_difference(points[JACKPOT], points[DENSE])
    yield "lottery-jackpots-1", above("jackpot less dense, points", lost, -1.5, beside=beside)
    won = paired_difference(points[JACKPOT], points[FRESH])
    pruned = paired_difference(points[JACKPOT], points[RECALIBRATED])
    named = "jackpot less the same search on new weights, points"
    yield "lottery-jackpots-1", above(named, won, 2.0, beside={"less one-shot with new statistics": pruned})

    restricted, free = (steps_saved(tables, config, *pair) for pair in ((JACKPOT, RANDOM), (FREE, RANDOM_FREE)))
    ratio = {
        "ratio": math.exp(restricted.value),
        f"a ratio of {PAPERS_RATIO:g} is inside": restricted.low <= math.log(PAPERS_RATIO) <= restricted.high,
        "log ratio without the restriction": free,
    }
    yield "lottery-jackpots-2", above("log ratio of steps, random to magnitude start", restricted, 0.0, beside=ratio)

    shares = _wide(tables, config, "overlap", columns=["method", "criterion"])
    own = shares[RANDOM_FREE]
    means = {f"{name} ({how})": shares[how][name].mean() for how in (RANDOM, FREE) for name in ("magnitude", CHANCE)}
    for other in CRITERIA[1:]:
        lead = paired_difference(own["magnitude"], own[other])
        known = {"magnitude": own["magnitude"].mean(), other: own[other].mean(), CHANCE: own[CHANCE].mean(), **means}
        yield "lottery-jackpots-3", above(f"overlap with magnitude less that with {other}", lead, 0.0, beside=known)

    spread, swaps = np.log(_wide(tables, config, "spread")), _wide(tables, config, "swaps")
    steadier = paired_difference(spread[JACKPOT], spread[FREE])
    total = {"swaps, restricted": swaps[JACKPOT].mean(), "swaps, free": swaps[FREE].mean()}
    named = "log ratio of the loss's standard deviation, restricted to free"
    yield "lottery-jackpots-4", below(named, steadier, 0.0, beside=total)


def _wide(tables: Tables, config: Config, what: str, columns: str | list[str] = "method", **options: Any) -> Any:
    return tables.wide("networks", columns=columns, what=what, **options, **config.judged)


def steps_saved(tables: Tables, config: Config, ours: str, theirs: str) -> Any:
    """The log ratio of steps to the test loss with which ``theirs`` ends; a search that never gets there counts whole.

    What gets there before the first evaluation counts as one evaluation's steps.
    """
    found = []
    losses = _wide(tables, config, "course", columns=["method", "step"], values="loss")
    for _, row in losses.iterrows():
        smooth = {name: row[name].sort_index().rolling(SMOOTH, min_periods=1).mean() for name in (ours, theirs)}
        level = smooth[theirs].iloc[-1]
        first = {name: _first(course, level) for name, course in smooth.items()}
        found.append(math.log(max(first[theirs], config.every) / max(first[ours], config.every)))
    return mean_interval(found)


def _first(course: pd.Series, level: float) -> int:
    there = course.index[course <= level]
    return int(there[0] if len(there) else course.index[-1])


_NAMES = {"snip": "SNIP", "taylor": "Taylor"}
_LOOK: Mapping[str, tuple[str, str]] = {
    JACKPOT: (PALETTE[0], "-"),
    FREE: (PALETTE[0], ":"),
    RANDOM: (PALETTE[1], "-"),
    RANDOM_FREE: (PALETTE[1], ":"),
    FRESH: (PALETTE[2], "-"),
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy along the searches, and what their masks have in common with those of the criteria."""
    return {"accuracy": _courses(tables, config), "overlap": _shares(tables, config)}


def _courses(tables: Tables, config: Config) -> Figure:
    drawn, axes = figure(6.2, 3.8)
    courses = _wide(tables, config, "course", columns=["method", "step"], values="accuracy")
    for name, (color, line) in _LOOK.items():
        own = courses[name].sort_index(axis=1)
        mean_with_band(axes, own.columns.to_numpy(dtype=float), own, label=name, color=color, linestyle=line)
    points = _wide(tables, config, "accuracy").mean()
    for name, place, side in ((DENSE, 0.01, "left"), (RECALIBRATED, 0.99, "right")):
        axes.axhline(points[name], color=INK, linestyle="--", linewidth=1)
        at = (place, points[name])
        axes.annotate(name, at, xycoords=("axes fraction", "data"), ha=side, va="bottom", color=INK, fontsize=8)
    axes.set(xlabel="steps of the search", ylabel="test accuracy (%)", ylim=(0, 103))
    axes.legend(loc="lower right")
    return drawn


def _shares(tables: Tables, config: Config) -> Figure:
    drawn, axes = figure(6.2, 3.6)
    rows = tables.rows("networks", what="overlap", **config.judged)
    names = [RANDOM_FREE, RANDOM, JACKPOT]
    colors = {RANDOM_FREE: PALETTE[1], RANDOM: PALETTE[4], JACKPOT: PALETTE[0]}
    shown = rows.assign(value=100 * rows["value"], criterion=rows["criterion"].replace(_NAMES))
    bars(axes, shown, by="criterion", beside="method", names=names, colors=colors)
    axes.set(xlabel="mask compared with", ylabel="kept weights in common (%)", ylim=(0, 80))
    axes.legend(title="mask found from:", title_fontsize=8)
    return drawn


STUDY = Study(
    paper="lottery-jackpots",
    presets={
        "smoke": Config(("convolutions-digits",), (0.5,), (1,), training=2, every=4, seeds=3, stack=3),
        "laptop": Config(),
        "paper": Config(
            ("resnet32-cifar10", "vgg19-cifar10"), (0.9, 0.95), (30, 160), training=160, every=50, seeds=5, stack=1
        ),
    },
    plan=plan,
    measures=(networks,),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce lottery-jackpots``."""
