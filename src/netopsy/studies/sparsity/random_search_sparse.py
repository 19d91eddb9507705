"""Is a searched sparse network better than an unsearched one? Farahani 2024 re-tested.

Of one untrained network many random sets of hidden units are drawn; the one that looks best before training, the first
one drawn and the worst are trained beside the whole network: test accuracy and steps, from the same initial weights.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import digits_split
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, between, open_part, paired_difference
from netopsy.lab.plots import intervals, mean_with_band
from netopsy.lab.statistics import Estimate, rank_correlation
from netopsy.lab.subjects.tickets import load
from netopsy.lab.tables import Table
from netopsy.models import conv_net, mlp
from netopsy.sparsity.random_search_sparse import compare_sparse
from netopsy.training import Recipe

DENSE, SEARCHED, RANDOM, WORST = "dense", "searched", "random", "worst"
SPARSE_ARMS = (SEARCHED, RANDOM, WORST)
_COLORS = {SEARCHED: PALETTE[0], RANDOM: PALETTE[1], WORST: PALETTE[2]}


@dataclass(frozen=True)
class Setting:
    """A parent network, its data, and how it is trained."""

    data: str
    network: Callable[..., nn.Module]
    recipe: Recipe
    candidates: int = 200


_SGD = partial(Recipe, optimizer="sgd", batch_size=64, lr=0.05)
_HE: Any = {"initialisation": "he_normal"}
SETTINGS = {
    "mlp-digits": Setting("digits", partial(mlp, [64, 256, 256, 10], **_HE), _SGD(steps=600)),
    "mlp-raw-digits": Setting("raw digits", partial(mlp, [64, 256, 256, 10], **_HE), _SGD(steps=600)),
    "small-mlp-digits": Setting("digits", partial(mlp, [64, 32, 32, 10], **_HE), _SGD(steps=60), 10),
    "mlp-mnist": Setting("hub:ylecun/mnist", partial(mlp, [784, 1024, 1024, 10], **_HE), _SGD(steps=10_000), 1000),
    "mlp-fashion": Setting(
        "hub:zalando-datasets/fashion_mnist", partial(mlp, [784, 1024, 1024, 10], **_HE), _SGD(steps=20_000), 1000
    ),
    "conv4-cifar10": Setting("hub:uoft-cs/cifar10", partial(conv_net, 4), _SGD(steps=20_000, momentum=0.9), 1000),
}


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    settings: tuple[str, ...] = ("mlp-digits",)
    """Names in `SETTINGS`; the claims are judged on the first."""
    sparsities: tuple[float, ...] = (0.5, 0.75, 0.9, 0.95)
    """Shares of the hidden units that are left out."""
    seeds: int = 20
    """Parent networks."""
    stack: int = 10
    """Parents in one cell."""
    evaluate_every: int = 10
    threshold: float = 0.5
    """Of the validation loss: where a run has converged."""
    margin: float = 1.0
    """Points of accuracy that count as no difference, and those above the sparsity from which more do."""
    wide_margin: float = 2.0
    wide_from: float = 0.9
    faster: tuple[float, float] = (0.85, 1.15)
    """Ratio of steps that counts as no difference."""
    late: float = 0.1
    """Share of runs that may fail to converge before their steps decide nothing."""
    costs: tuple[tuple[float, float], ...] = ((0.75, -2.0), (0.9, -4.0))
    """Sparsity, and the points of accuracy below the dense parent that are little."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for every setting, sparsity and stack of parents; sparsity 0 is the parents themselves."""
    for name in config.settings:
        for sparsity in (0.0, *config.sparsities):
            for first in range(0, config.seeds, config.stack):
                yield Cell.of(
                    networks,
                    setting=name,
                    sparsity=sparsity,
                    seeds=tuple(range(first, min(first + config.stack, config.seeds))),
                    **{each: getattr(config, each) for each in ("evaluate_every", "threshold")},
                )


def networks(setting: str, sparsity: float, seeds: tuple[int, ...], evaluate_every: int, threshold: float) -> Rows:
    """Search and train the configurations of some parents at one sparsity; a row for every trained network."""
    own = SETTINGS[setting]
    parts = digits_split() if own.data == "raw digits" else load(own.data)  # pixels from 0 to 1, or standardised
    train, validation, test = (part.to(best_device()) for part in parts)
    table = compare_sparse(
        lambda seed: own.network(seed=derive(seed, "parent")).to(best_device()),
        train,
        validation=validation,
        test=test,
        recipe=own.recipe,
        sparsities=(sparsity,),
        seeds=seeds,
        n_candidates=own.candidates,
        threshold=threshold,
        evaluate_every=evaluate_every,
    )
    for row in table.to_dict("records"):
        expected = row.pop("expected_best", None) or {}
        yield {**row, **{f"best of {n}": value for n, value in expected.items()}}


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Equivalence of the searched and the first configuration, and what sparsity costs; over the parents."""
    setting = config.settings[0]
    dense = 100 * by_arm(tables, setting, 0.0, "accuracy")[DENSE]
    for sparsity in config.sparsities:
        points = 100 * by_arm(tables, setting, sparsity, "accuracy")
        losses = by_arm(tables, setting, sparsity, "initial_loss")
        differs = _gain(tables, setting, sparsity)
        margin = config.wide_margin if sparsity >= config.wide_from else config.margin
        beside = {
            **{f"accuracy, {arm}": points[arm].mean() for arm in SPARSE_ARMS},
            "rank correlation of loss before and accuracy after training": correlation(tables, setting, sparsity),
            **{f"the same for {name}": _gain(tables, name, sparsity) for name in config.settings[1:]},
        }
        name = f"searched less random, sparsity {sparsity:g}, points"
        yield "random-search-sparse-1", between(name, differs, -margin, margin, unit="parents", beside=beside)
        yield "random-search-sparse-1", _control(losses, sparsity)

        yield "random-search-sparse-2", _convergence(tables, config, sparsity)

    for sparsity, bound in config.costs:
        points = 100 * by_arm(tables, setting, sparsity, "accuracy")
        loss = paired_difference(points[SEARCHED], dense)
        kept = tables.rows("networks", setting=setting, sparsity=sparsity)["parameter_sparsity"].mean()
        beside = {"accuracy, dense": dense.mean(), "parameters removed": kept, "random": points[RANDOM].mean()}
        for other in config.settings[1:]:
            whole = 100 * by_arm(tables, other, 0.0, "accuracy")[DENSE]
            other_points = 100 * by_arm(tables, other, sparsity, "accuracy")[SEARCHED]
            beside[f"the same for {other}"] = paired_difference(other_points, whole)
        name = f"searched less dense, sparsity {sparsity:g}, points"
        yield "random-search-sparse-3", above(name, loss, bound, unit="parents", beside=beside)


def by_arm(tables: Tables, setting: str, sparsity: float, values: str) -> Table:
    """A row for each parent, a column for each arm."""
    return tables.wide("networks", columns="arm", values=values, setting=setting, sparsity=sparsity)


def _gain(tables: Tables, setting: str, sparsity: float) -> Estimate:
    """What the search is worth after training, in points of test accuracy."""
    points = 100 * by_arm(tables, setting, sparsity, "accuracy")
    return paired_difference(points[SEARCHED], points[RANDOM], confidence=0.9)


def _convergence(tables: Tables, config: Config, sparsity: float) -> Part:
    """Whether both arms converge as fast; nothing where too many runs do not."""
    setting = config.settings[0]
    steps = np.log(by_arm(tables, setting, sparsity, "steps_to_threshold"))
    ratio = paired_difference(steps[SEARCHED], steps[RANDOM], confidence=0.9)
    rows = tables.rows("networks", setting=setting, sparsity=sparsity, arm=(SEARCHED, RANDOM))
    late = ~rows["reached"].astype(bool)
    beside = {"runs that never got there": int(late.sum()), "steps, random": np.exp(steps[RANDOM]).mean()}
    name = f"log ratio of steps, searched to random, sparsity {sparsity:g}"
    if late.mean() > config.late:
        return open_part(
            name, ratio, why=f"more than {100 * config.late:g} % of the runs never get there", beside=beside
        )
    low, high = (math.log(ratio) for ratio in config.faster)
    return between(name, ratio, low, high, unit="parents", beside=beside)


def _control(losses: Table, sparsity: float) -> Part:
    """Whether the search found a lower loss at all: without that, equal results say nothing."""
    name = f"positive control: loss before training, random less searched, sparsity {sparsity:g}"
    gained = losses[RANDOM] - losses[SEARCHED]
    mean, error = float(gained.mean()), float(gained.std(ddof=1)) / math.sqrt(len(gained))
    estimate = Estimate(mean, mean - 3 * error, mean + 3 * error, len(gained), 0.9973)
    if not estimate.low > 0:
        return open_part(name, estimate, why="the search was not effective: less than 3 standard errors")
    return above(name, estimate, unit="parents")


def correlation(tables: Tables, setting: str, sparsity: float, resamples: int = 500) -> Estimate:
    """Rank correlation within parents of the loss before and the accuracy after training, over resampled parents."""
    before, after = (by_arm(tables, setting, sparsity, v).to_numpy() for v in ("initial_loss", "accuracy"))
    before, after = (each - each.mean(1, keepdims=True) for each in (before, after))
    chosen = np.random.default_rng(0).integers(len(before), size=(resamples, len(before)))
    first, second = (_standard_ranks(each[chosen].reshape(resamples, -1)) for each in (before, after))
    low, high = np.quantile((first * second).sum(1), (0.025, 0.975))
    return Estimate(rank_correlation(before.ravel(), after.ravel()), float(low), float(high), len(before))


def _standard_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks within each row, centred and of length 1, so that a product of two rows is their rank correlation."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    return np.asarray(ranks / np.maximum(np.linalg.norm(ranks, axis=1, keepdims=True), 1e-12))


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy by sparsity and by the loss before training; what more candidates bring; steps. For every setting."""
    figures = {}
    for name in config.settings:
        suffix = "" if len(config.settings) == 1 else f"-{name}"
        figures[f"accuracy{suffix}"] = _accuracy(tables, config, name)
        figures[f"effort{suffix}"] = _effort(tables, config, name)
        figures[f"steps{suffix}"] = _steps(tables, config, name)
    return figures


def _accuracy(tables: Tables, config: Config, setting: str) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.3)
    left, right = axes[0]
    for arm in SPARSE_ARMS:
        wide = 100 * tables.wide("networks", columns="sparsity", values="accuracy", setting=setting, arm=arm)
        removed = 100 * tables.mean("networks", "sparsity", "parameter_sparsity", setting=setting, arm=arm)
        mean_with_band(left, removed[wide.columns], wide, label=arm, color=_COLORS[arm], marker="o")
    dense = tables.rows("networks", setting=setting, arm=DENSE)["accuracy"]
    left.axhline(100 * dense.mean(), color=INK, linestyle="--", linewidth=1, label=DENSE)
    left.set(xlabel="parameters removed (%)", ylabel="test accuracy (%)")
    left.legend()
    middle = config.sparsities[min(1, len(config.sparsities) - 1)]
    for arm in SPARSE_ARMS:
        rows = tables.rows("networks", setting=setting, arm=arm, sparsity=middle)
        right.plot(rows["initial_loss"], 100 * rows["accuracy"], "o", color=_COLORS[arm], alpha=0.6, label=arm)
    right.set(xlabel="loss before training", ylabel="test accuracy (%)")
    right.set_title(f"{100 * middle:g} % of units removed, ρ = {correlation(tables, setting, middle):.2f}", fontsize=8)
    return drawn


def _effort(tables: Tables, config: Config, setting: str) -> Figure:
    drawn, axes = figure(4.8, 3.2)
    rows = tables.rows("networks", setting=setting, arm=SEARCHED)
    columns = [name for name in rows.columns if str(name).startswith("best of ")]
    sizes = [int(str(name).removeprefix("best of ")) for name in columns]
    for number, sparsity in enumerate(config.sparsities):
        own = rows[rows["sparsity"] == sparsity][columns].to_numpy(dtype=float)
        label = f"{100 * sparsity:g} % of units removed"
        mean_with_band(axes, sizes, own, label=label, color=PALETTE[number % len(PALETTE)], marker="o")
    _logarithmic(axes, sizes)
    axes.set(xlabel="candidates", ylabel="expected best loss before training")
    axes.legend()
    return drawn


def _logarithmic(axes: Axes, ticks: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()


def _steps(tables: Tables, config: Config, setting: str) -> Figure:
    drawn, axes = figure(5.4, 0.5 * len(config.sparsities) + 1.0)
    estimates, samples = {}, {}
    for sparsity in config.sparsities:
        steps = np.log(by_arm(tables, setting, sparsity, "steps_to_threshold"))
        name = f"{100 * sparsity:g} % of units removed"
        estimates[name] = paired_difference(steps[SEARCHED], steps[RANDOM], confidence=0.9)
        samples[name] = steps[SEARCHED] - steps[RANDOM]
    intervals(axes, estimates, samples=samples, colors=dict.fromkeys(estimates, PALETTE[0]))
    for ratio in config.faster:
        axes.axvline(math.log(ratio), color=INK, linestyle="--", linewidth=0.8)
    axes.set(xlabel=f"log ratio of steps to a validation loss of {config.threshold:g}, searched to random")
    return drawn


_PAPER = ("mlp-mnist", "mlp-fashion", "conv4-cifar10")
STUDY = Study(
    paper="random-search-sparse",
    presets={
        "smoke": Config(settings=("small-mlp-digits",), sparsities=(0.75,), seeds=3, stack=3, costs=((0.75, -2.0),)),
        "laptop": Config(settings=("mlp-digits", "mlp-raw-digits")),
        "paper": dataclasses.replace(
            Config(), settings=_PAPER, sparsities=(0.5, 0.75, 0.9, 0.95, 0.99), stack=1, evaluate_every=100
        ),
    },
    plan=plan,
    measures=(networks,),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce random-search-sparse``."""
