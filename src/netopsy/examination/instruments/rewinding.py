"""Whether a sparse network that is put back to an early step is stable, and better than one put back to the start."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments.tickets import why_not
from netopsy.examination.subject import Subject
from netopsy.lab.plots import panels
from netopsy.lab.statistics import Estimate, bootstrap_mean
from netopsy.sparsity.late_rewinding import RewindSweep, rewind_sweep, rewind_sweep_many
from netopsy.sparsity.lottery_ticket import reinitialise
from netopsy.training import Evaluation, trainer

KEPT = 0.1
"""Share of the weights that the sparse networks have, pruned at one go as the paper does with large networks."""
EARLY, LATER = 0.05, 0.2
"""Shares of the training at whose end the weights are taken; the second where the depth is thorough."""
SHARE = 8.0
NAMES = {"ticket": "magnitude mask", "random": "its mask shuffled"}


def examine(subject: Subject) -> Finding:
    """Train a fresh copy, prune it at one go, and train the rest from the start and from early weights."""
    steps = _affordable(subject)
    sweep = _sweep(subject, steps)
    table = sweep.table.assign(metric=[each.accuracy for each in sweep.table["metric"]])
    last = table[table["round"] == 1].pivot(index="step", columns="variant")
    orders = last["to_data_order"]
    apart = {step: _ratio(orders["ticket"][step], orders["random"][step]) for step in steps}
    tickets = {step: sweep.results[step][0].metrics[1] for step in steps}
    gain = bootstrap_mean(100 * _hits(subject, tickets[steps[1]]), 100 * _hits(subject, tickets[0]))
    return _finding(subject, table, apart, {step: each.accuracy for step, each in tickets.items()}, gain)


def _sweep(subject: Subject, steps: list[int]) -> RewindSweep:
    assert subject.train is not None
    assert subject.recipe is not None
    seeds = (derive(subject.seed, "order"), derive(subject.seed, "other order"))
    network = reinitialise(subject.model, init=subject.initialiser, seed=derive(subject.seed, "rewinding"))
    judge = partial(subject.evaluated, data=subject.data)
    options: dict[str, Any] = {"rate": 1 - KEPT, "compared": (1,), "evaluate": judge, "exclude": subject.idle_layers}
    try:
        return rewind_sweep_many([network], subject.train, subject.recipe, steps, 1, seeds=[seeds], **options)
    except InputError:  # it cannot run as a stack
        return rewind_sweep(network, trainer(subject.train, subject.recipe), steps, 1, seeds=seeds, **options)


def _finding(
    subject: Subject, table: pd.DataFrame, apart: dict[int, float], accuracy: dict[int, float], gain: Estimate
) -> Finding:
    assert subject.recipe is not None
    recipe, early = subject.recipe, list(apart)[1]
    kept = float(table.query("round == 1")["density"].iloc[0])
    dense = float(table.query("round == 0 and step == 0")["metric"].iloc[0])
    sign = "+" if gain.value >= 0 else ""
    return Finding(
        sentence=(
            f"With {100 * kept:.1f} % of the weights, trained on from step {early:,} of {recipe.steps:,}, it reaches "
            f"{100 * accuracy[early]:.1f} % where the dense one reaches {100 * dense:.1f} %, "
            f"{sign}{gain.value:.1f} points [{gain.low:.1f}, {gain.high:.1f}] against starting from the first weights; "
            f"two orders of the data {_apart(apart, early)}."
        ),
        glance=f"{100 * kept:.1f} % of the weights from step {early:,} on reach {100 * accuracy[early]:.1f} %",
        advice=(
            f"Keep the weights of step {early:,} when training: a sparse network is better put back to them than to "
            "the first ones; train several seeds before relying on it."
            if gain.low > 0
            else "The first weights serve as well as those of a later step; there is no need to keep early checkpoints."
        ),
        reading=(
            "A fresh copy of the network was trained, its smallest weights removed at one go, and the rest put back to "
            "their values at a step and trained on to the end, with the data in two orders. A sparse network is called "
            "stable where the two end near each other. All distances are smaller the later one starts, so each is to "
            "be read beside that of the same mask shuffled within each layer. This is one run with one seed: the "
            "interval is over the held-out samples and says nothing about other seeds."
        ),
        pictures=(
            Picture.of(_draw(table, dense), "Distance between two data orders, and accuracy, by the step put back to"),
        ),
        figures={"weights kept": round(kept, 4), "accuracy, dense": round(dense, 4)}
        | {f"accuracy, from step {step}": round(value, 4) for step, value in accuracy.items()}
        | {
            f"distance over that of the shuffled mask, step {step}": round(value, 2)
            for step, value in apart.items()
            if not np.isnan(value)
        },
        code=(
            "from netopsy.sparsity.late_rewinding import rewind_sweep\n"
            "from netopsy.training import Recipe, evaluate, trainer\n\n"
            "train = trainer(data, Recipe(steps=20))  # your training data and recipe\n"
            "found = rewind_sweep(\n"
            "    model, train, (0, 2), rounds=1, rate=0.9, evaluate=lambda trained: evaluate(trained, data).accuracy\n"
            ")\n"
            "found.table"
        ),
    )


def _steps(subject: Subject) -> list[int]:
    assert subject.recipe is not None
    total = subject.recipe.steps
    shares = (EARLY, LATER) if subject.depth == "thorough" else (EARLY,)
    return [0, *sorted({max(1, round(share * total)) for share in shares})]


def _affordable(subject: Subject) -> list[int]:
    """The steps, where so many trainings are within what the depth spends on a network of this size."""
    steps = _steps(subject)
    assert subject.recipe is not None
    if subject.affordable(passes(subject), 4, share=SHARE, fewest=0) < 1:
        raise NotNow(
            f"{5 * len(steps)} trainings of up to {subject.recipe.steps:,} steps are the least, and more than an "
            f"examination of depth {subject.depth} spends on a network of this size"
        )
    return steps


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes: from each step on a dense network and four sparse ones."""
    assert subject.recipe is not None
    recipe = subject.recipe
    return 3.0 * recipe.batch_size * 5 * sum(recipe.steps - step for step in _steps(subject))


def _hits(subject: Subject, evaluation: Evaluation) -> np.ndarray:
    return (evaluation.outputs.argmax(1) == subject.labels).numpy().astype(float)


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0 else float("nan")


def _apart(ratios: dict[int, float], early: int) -> str:
    late, first = ratios[early], ratios[0]
    if np.isnan([late, first]).any():
        return "end at the same weights under a shuffled mask, so that there is nothing to compare their distance with"
    return f"end {late:.2f} times as far apart as under a shuffled mask, from the first weights {first:.2f} times"


def _draw(table: pd.DataFrame, dense: float) -> Figure:
    last = table[table["round"] == 1]
    parts = {"stability": ("to_data_order", "distance between two data orders"), "accuracy": ("metric", "accuracy (%)")}

    def draw(ax: Axes, part: tuple[str, str]) -> None:
        value, label = part
        scale = 100 if value == "metric" else 1
        for (name, shown), color in zip(NAMES.items(), PALETTE, strict=False):
            own = last[last["variant"] == name]
            ax.plot(range(len(own)), scale * own[value], marker="o", color=color, label=shown)
        if value == "metric":
            ax.axhline(100 * dense, linestyle="--", linewidth=1, color=INK, label="dense")
        else:
            ax.set_ylim(bottom=0)
        ax.set_xticks(range(len(own)), [f"{step:,}" for step in own["step"]])
        ax.set(xlabel="put back to step", ylabel=label)

    return panels(parts, draw, legend=True, width=3.2, height=2.8)


INSTRUMENT = Instrument(
    name="rewinding",
    title="Whether it should be put back to the start or to an early step",
    term="late rewinding",
    chapter="how small it could be",
    examine=examine,
    applies=why_not,
    papers=("late-rewinding",),
    order=30,
    passes=passes,
    worth=110,
)
