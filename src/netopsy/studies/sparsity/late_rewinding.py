"""Are tickets that are rewound a little later stable, and better? Frankle et al. 2019 re-tested.

Tickets from several steps of training, each beside its mask shuffled within each layer on the same weights: how far
they end from the dense network, how far from themselves with the data in another order, and their test accuracy.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.errors import lookup
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split
from netopsy.data.augment import crop_and_flip
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, below, paired_difference
from netopsy.lab.plots import lines, panels
from netopsy.lab.statistics import FEWEST, Estimate, rank_correlation
from netopsy.lab.subjects.tickets import load
from netopsy.models import mlp, resnet, vgg
from netopsy.sparsity.late_rewinding import RewindSweep, rewind_sweep, rewind_sweep_many
from netopsy.training import Recipe, evaluate, trainer

TICKET, RANDOM = "ticket", "random"
LABELS = {TICKET: "ticket", RANDOM: "its mask shuffled", "reinit": "its mask on new weights"}
COLORS = {TICKET: PALETTE[0], RANDOM: PALETTE[1], "reinit": PALETTE[2]}
RESAMPLES = 9999


@dataclass(frozen=True)
class Setting:
    """A network, its data, how it is trained, and the steps it is rewound to."""

    data: str
    network: Callable[..., nn.Module]
    recipe: Recipe
    steps: tuple[int, ...]
    early: int
    """The step at which tickets should have become stable."""
    late: int
    """Half of the training."""
    exclude: tuple[str, ...] = ()
    stacked: bool = True
    """Whether the seeds train as one stack; large networks go one by one."""
    augment: Callable[..., Tensor] | None = None


_SGD = partial(Recipe, optimizer="sgd", momentum=0.9, weight_decay=1e-4, schedule="step")
_CIFAR = partial(Setting, "hub:uoft-cs/cifar10", stacked=False, augment=crop_and_flip)
_STEPS = (0, 100, 250, 500, 1000, 2000)
_RATES: dict[str, dict[str, Any]] = {
    "high": {"lr": 0.1},
    "low": {"lr": 0.01},
    "warmup": {"lr": 0.1, "warmup": 10_000},
}


def _deep(
    name: str, network: Callable[..., nn.Module], total: int, batch: int, early: int, **own: Any
) -> dict[str, Any]:
    """The three variants of a network on CIFAR-10; their lengths and the warm-up are recalled, unconfirmed."""
    recipe = partial(_SGD, steps=total, batch_size=batch, milestones=(total // 2, total * 3 // 4))
    steps = (*_STEPS, total // 2)
    return {
        f"{name}-{variant}": _CIFAR(network, recipe(**rates), steps, early, total // 2, **own)
        for variant, rates in _RATES.items()
    }


SETTINGS: dict[str, Setting] = {
    "resnet14-digits": Setting(
        "digits",
        partial(resnet, 14, channels=1, width=4),
        _SGD(steps=168, batch_size=100, lr=0.1, milestones=(84, 126)),
        steps=(0, 6, 24, 84),
        early=24,
        late=84,
    ),
    "mlp-digits": Setting(
        "digits",
        partial(mlp, [64, 12, 10]),
        _SGD(steps=20, batch_size=100, lr=0.1, milestones=(10, 15)),
        steps=(0, 3, 10),
        early=3,
        late=10,
    ),
    **_deep("resnet20", partial(resnet, 20), 30_000, 128, early=500),
    **_deep("vgg16", partial(vgg, 16), 62_500, 128, early=100, exclude=("output",)),
    **_deep("vgg19", partial(vgg, 19), 112_000, 64, early=100, exclude=("output",)),
}


@dataclass(frozen=True)
class Config:
    """Every number of the experiment but those of its `SETTINGS`."""

    settings: tuple[str, ...] = ("resnet14-digits",)
    """The claims are judged on the first."""
    seeds: int = 6
    stack: int = 3
    """Seeds in one cell."""
    rounds: int = 3
    rate: float = 0.6
    """Share of the weights pruned in a round."""
    judged: int = 3
    """The round whose tickets answer the claims; 6.4% of the weights."""
    compared: tuple[int, ...] = (3,)
    """Rounds in which a second order of the data and the shuffled masks are trained."""
    reinit: bool = False
    """Whether the masks are tried on new weights, too."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for every setting and every stack of seeds."""
    for name in config.settings:
        for first in range(0, config.seeds, config.stack):
            yield Cell.of(
                networks,
                setting=name,
                seeds=tuple(range(first, min(first + config.stack, config.seeds))),
                **{each: getattr(config, each) for each in ("rounds", "rate", "compared", "reinit")},
            )


def networks(
    setting: str, seeds: tuple[int, ...], rounds: int, rate: float, compared: tuple[int, ...], reinit: bool
) -> Rows:
    """Tickets of some seeds from every step, with what they are compared with; a row for every trained variant."""
    own = lookup("setting", setting, SETTINGS)
    train, test = (part.to(best_device()) for part in _data(own.data))
    models = [own.network(seed=derive(seed, "weights")).to(best_device()) for seed in seeds]
    orders = [(derive(seed, "order"), derive(seed, "other order")) for seed in seeds]
    options: dict[str, Any] = {
        "rate": rate,
        "exclude": own.exclude,
        "compared": compared,
        "init": "he_normal" if reinit else None,
        "evaluate": lambda model: evaluate(model, test).accuracy,
    }
    found: list[tuple[tuple[int, ...], RewindSweep]]
    if own.stacked:
        found = [(seeds, rewind_sweep_many(models, train, own.recipe, own.steps, rounds, seeds=orders, **options))]
    else:
        fit = partial(_trainer, train, own)
        found = [
            ((seed,), rewind_sweep(model, fit, own.steps, rounds, seeds=pair, **options))
            for seed, model, pair in zip(seeds, models, orders, strict=True)
        ]
    for runs, sweep in found:
        for row in sweep.table.to_dict("records"):
            at = {"seed": runs[row.pop("network")], "accuracy": row.pop("metric")}
            yield {**at, **{str(name): None if pd.isna(value) else value for name, value in row.items()}}


def _trainer(train: Dataset, own: Setting, seed: int) -> Any:
    return trainer(train, own.recipe, seed=seed, augment=own.augment)


def _data(name: str) -> tuple[Dataset, Dataset]:
    """Training and test part, standardised by the training part."""
    if name != "digits":
        train, _, test = load(name)
        return train, test
    train, test = digits_split(sizes=(1200, 597))
    train = train.standardise()
    return train, test.standardise(train)


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Distances at the early step against those at step 0, accuracy at both and at half of the training."""
    own = SETTINGS[config.settings[0]]
    early, late = own.early, own.late

    def wide(values: str, variant: str = TICKET, at: int = config.judged) -> pd.DataFrame:
        where: dict[str, Any] = {"setting": config.settings[0], "round": at, "variant": variant}
        return tables.wide("networks", columns="step", values=values, **where)

    orders = {name: wide("to_data_order", name) for name in (TICKET, RANDOM)}
    dense = {name: wide("to_pruning", name) for name in (TICKET, RANDOM)}
    apart, dense_apart = (np.log(each[RANDOM] / each[TICKET]) for each in (orders, dense))
    beside: dict[str, Any] = _means(orders, (0, early))
    more = paired_difference(apart[early], apart[0])
    name = f"log ratio of distances between data orders, shuffled mask to ticket, step {early} less 0"
    yield "late-rewinding-1", above(name, more, beside=beside)
    beside = _means(dense, (0, early)) | {
        "the same of the shuffled mask": paired_difference(dense[RANDOM][early], dense[RANDOM][0]),
        "change of the log ratio, shuffled mask to ticket": paired_difference(dense_apart[early], dense_apart[0]),
    }
    nearer = paired_difference(dense[TICKET][early], dense[TICKET][0])
    yield "late-rewinding-1", below(f"distance to the dense network, step {early} less 0", nearer, beside=beside)

    yield (
        "late-rewinding-1",
        "Distances shrink with the step whatever the mask; what those of shuffled masks do is beside.",
    )

    points = {name: 100 * wide("accuracy", name) for name in (TICKET, RANDOM)}
    beside = _means(points, own.steps) | {
        "dense": (100 * wide("accuracy", at=0)[0]).mean(),
        "the same of the shuffled mask": paired_difference(points[RANDOM][early], points[RANDOM][0]),
    }
    better = paired_difference(points[TICKET][early], points[TICKET][0])
    yield "late-rewinding-2", above(f"accuracy, step {early} less 0, points", better, 0.5, beside=beside)
    if own.data == "digits":
        why = (
            "On digits tickets of step 0 are good already; networks on CIFAR-10 are in the preset of the paper's scale."
        )
        yield "late-rewinding-2", why
    lost = paired_difference(points[TICKET][early], points[TICKET][late])
    yield "late-rewinding-3", above(f"accuracy, step {early} less {late}, points", lost, 2.0)

    before = [step for step in own.steps if step < own.recipe.steps / 4]
    whole = {name: (-orders[name][before], points[name][before]) for name in (TICKET, RANDOM)}
    together = correlation(*(pd.concat(part, axis=1) for part in zip(*whole.values(), strict=True)))
    beside = {f"{LABELS[name]} alone": correlation(*part) for name, part in whole.items()}
    yield "late-rewinding-4", above("rank correlation of stability and accuracy", together, 0.3, beside=beside)
    yield (
        "late-rewinding-4",
        "Over both kinds together it can be the difference between the kinds; within each it is beside.",
    )


def _means(tables: dict[str, pd.DataFrame], steps: Iterable[int]) -> dict[str, float]:
    return {f"{LABELS[name]}, step {step}": own[step].mean() for name, own in tables.items() for step in steps}


def correlation(stability: pd.DataFrame, accuracy: pd.DataFrame) -> Estimate:
    """Spearman's over all entries of two tables with a row a run, whole runs drawn again for the interval."""
    one, other = stability.to_numpy(), accuracy.to_numpy()
    value, runs = rank_correlation(one.ravel(), other.ravel()), len(one)
    if runs < FEWEST:
        return Estimate(value, np.nan, np.nan, runs)
    from scipy import stats

    drawn = np.random.default_rng(0).integers(runs, size=(RESAMPLES, runs))
    ranks = [stats.rankdata(each[drawn].reshape(RESAMPLES, -1), axis=1) for each in (one, other)]
    first, second = (each - each.mean(axis=1, keepdims=True) for each in ranks)
    lengths = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    found = (first * second).sum(axis=1) / np.where(lengths > 0, lengths, 1.0)
    low, high = np.quantile(found, (0.025, 0.975))
    return Estimate(value, float(low), float(high), runs)


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Both distances and accuracy against the step rewound to, and accuracy against one of the distances."""
    figures = {}
    for name in config.settings:
        suffix = "" if len(config.settings) == 1 else f"-{name}"
        table = tables.rows("networks", setting=name, round=config.judged)
        dense = tables.rows("networks", setting=name, round=0, variant=TICKET, step=0)["accuracy"].mean()
        places = {step: float(place) for place, step in enumerate(SETTINGS[name].steps)}
        parts = {
            "to the dense network": ("to_pruning", "distance of surviving weights"),
            "between two data orders": ("to_data_order", "distance of surviving weights"),
            "trained": ("accuracy", "test accuracy"),
        }
        by_step = partial(_by_step, table=table, places=places, dense=dense)
        figures[f"stability{suffix}"] = panels(parts, by_step, legend=True)
        figures[f"correlation{suffix}"] = _scatter(table, SETTINGS[name])
    return figures


def _by_step(ax: Axes, part: tuple[str, str], *, table: Any, places: dict[int, float], dense: float) -> None:
    value, label = part
    names = [name for name in LABELS if name in set(table["variant"])]
    options: Any = {"names": names, "labels": LABELS, "colors": COLORS, "places": places}
    lines(ax, table, x="step", by="variant", values=value, **options)
    if value == "accuracy":
        ax.axhline(dense, color=INK, linestyle="--", linewidth=1, label="dense")
    else:
        ax.set_ylim(bottom=0)
    ax.set(xlabel="rewound to step", ylabel=label)


def _scatter(table: Any, own: Setting) -> Figure:
    drawn, ax = figure(5.0, 3.4)
    early = table[table["step"] < own.recipe.steps / 4]
    for (variant, step), part in early.groupby(["variant", "step"], sort=False):
        marker = "osv^D<>"[own.steps.index(step)]
        label = f"{LABELS[variant]}, step {step}"
        ax.plot(part["to_data_order"], part["accuracy"], marker, color=COLORS[variant], alpha=0.7, label=label)
    ax.set(xlabel="distance between two data orders", ylabel="test accuracy")
    ax.legend()
    return drawn


_PAPER = Config(
    settings=tuple(name for name, own in SETTINGS.items() if not own.stacked),
    seeds=5,
    stack=1,
    rounds=16,
    rate=0.2,
    judged=12,
    compared=(1, 4, 8, 12, 16),
    reinit=True,
)
STUDY = Study(
    paper="late-rewinding",
    presets={
        "smoke": dataclasses.replace(Config(("mlp-digits",)), seeds=3, rounds=1, judged=1, compared=(1,)),
        "laptop": Config(),
        "paper": _PAPER,
    },
    plan=plan,
    measures=(networks,),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce late-rewinding``."""
