"""Do sparse networks win by their first weights, and are they found bit by bit? Frankle and Carbin 2019 re-tested.

Tickets against the dense network, against their masks on new initial values, against shuffled masks, and against masks
pruned at one go: in points of test accuracy at the early-stop step, and in steps.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.masks import density
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, below, most, open_part, paired_difference
from netopsy.lab.plots import mean_with_band
from netopsy.lab.subjects.tickets import SETTINGS, TicketSetting, load
from netopsy.sparsity.lottery_ticket import IMPResult, magnitude_masks, reinitialise, shuffle_masks
from netopsy.training import Fit

Masks = dict[str, Tensor]
RESNETS = ("resnet20-high", "resnet20-low", "resnet20-warmup")


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
            yield Cell.of(
                networks,
                setting=name,
                seeds=tuple(range(first, min(first + config.stack, config.seeds))),
                **{each: getattr(config, each) for each in ("rounds", "compared", "evaluate_every")},
                one_shot=tuple(sorted({config.matched, config.sparse})),
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
    options: dict[str, Any] = {"evaluation": {"validation": validation, "test": test}, "evaluate_every": evaluate_every}

    def build(seed: int) -> nn.Module:
        return own.network(seed=seed).to(best_device())

    tickets = own.tickets([build(seed) for seed in seeds], train, recipe, rounds, seeds=seeds, **options)
    controls = []
    for seed, found in zip(seeds, tickets, strict=True):
        for r in range(rounds + 1):
            yield _row(seed, "ticket", r, found.density[r], found.fits[r])
        for control in _controls(found, own, seed, compared, one_shot, build):
            controls.append((seed, *control))
    owners, conditions, places, models, masks = (list(each) for each in zip(*controls, strict=True))
    fits = own.fits(models, train, recipe, seeds=owners, masks=masks, **options)
    for seed, condition, r, mask, run in zip(owners, conditions, places, masks, fits, strict=True):
        yield _row(seed, condition, r, density(mask), run)


def _controls(
    own: IMPResult,
    setting: TicketSetting,
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


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """The first setting answers the claims about small networks; the last claim needs three of ResNet-20."""
    first = config.settings[0]
    sparse, matched = config.sparse, config.matched
    points = accuracies(tables, first)
    beats = paired_difference(points["ticket", sparse], points["reinit", sparse])
    control = {"shuffled mask": points["random ticket", sparse].mean(), "ticket": points["ticket", sparse].mean()}
    yield "lottery-ticket-1", above(f"ticket less re-initialised, round {sparse}, points", beats, 0.2, beside=control)
    equals = paired_difference(points["ticket", matched], points["ticket", 0])
    yield "lottery-ticket-1", above(f"ticket less dense, round {matched}, points", equals, -0.5)

    steps: Any = np.log(
        tables.wide("networks", columns=["condition", "round"], values="early_stop_step", setting=first)
    )
    sooner = paired_difference(steps["reinit", matched], steps["ticket", matched])
    to_dense = paired_difference(steps["ticket", matched], steps["ticket", 0])
    name = f"log ratio of early-stop steps, re-initialised to ticket, round {matched}"
    yield "lottery-ticket-2", above(name, sooner, math.log(1.1), beside={"log ratio of ticket to dense": to_dense})

    gradual = paired_difference(points["ticket", sparse], points["one-shot", sparse])
    yield "lottery-ticket-3", above(f"iterative less one-shot, round {sparse}, points", gradual, 0.0)

    if set(RESNETS) <= set(config.settings):
        of_each = (accuracies(tables, name) for name in RESNETS)
        high, *others = (paired_difference(own["ticket", matched], own["reinit", matched]) for own in of_each)
        yield "lottery-ticket-4", below("gain over re-initialised at learning rate 0.1", high, 0.0)
        parts = [above(name, gain, 0.0) for name, gain in zip(RESNETS[1:], others, strict=True)]
        yield "lottery-ticket-4", most("gain at learning rate 0.01 or with warm-up", parts, 1)
    else:
        why = "needs ResNet-20 on CIFAR-10, which only the paper preset trains"
        yield "lottery-ticket-4", open_part("gain over re-initialised by learning rate", why=why)


def accuracies(tables: Tables, setting: str) -> pd.DataFrame:
    """Test accuracy in points: a row a seed, a column a condition and round."""
    return 100 * tables.wide("networks", columns=["condition", "round"], values="accuracy", setting=setting)


_LOOK = {
    "ticket": (PALETTE[0], "o", "winning ticket"),
    "reinit": (PALETTE[1], "s", "same mask, new weights"),
    "random ticket": (PALETTE[2], "^", "shuffled mask, new weights"),
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Accuracy, and the step of early stopping, against the share of weights kept; for every setting."""
    figures = {}
    for name in config.settings:
        suffix = "" if len(config.settings) == 1 else f"-{name}"
        label = "test accuracy at early stop (%)"
        figures[f"accuracy{suffix}"] = _against_density(tables, name, "accuracy", label, scale=100, one_shot=True)
        label = "step of least validation loss"
        figures[f"early-stop{suffix}"] = _against_density(tables, name, "early_stop_step", label)
    return figures


def _against_density(
    tables: Tables, setting: str, value: str, label: str, *, scale: float = 1.0, one_shot: bool = False
) -> Figure:
    drawn, axes = figure(5.6, 3.6)
    for condition, (color, marker, name) in _LOOK.items():
        by = {"setting": setting, "condition": condition}
        table = scale * tables.wide("networks", columns="round", values=value, **by)
        shares = 100 * tables.mean("networks", "round", "density", **by)[table.columns]
        mean_with_band(axes, shares, table, label=name, color=color, marker=marker)
    if one_shot:
        points = (
            tables.rows("networks", setting=setting, condition="one-shot").groupby("round")[["density", value]].mean()
        )
        axes.plot(100 * points["density"], scale * points[value], "D", color=PALETTE[3], label="pruned at one go")
    dense = scale * tables.rows("networks", setting=setting, condition="ticket", round=0)[value].mean()
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
    paper="lottery-ticket",
    presets={
        "smoke": Config(seeds=3, stack=3, rounds=3, compared=(1, 3), matched=1, sparse=3, steps=40),
        "laptop": Config(),
        "paper": Config(tuple(name for name in SETTINGS if name != "mlp-digits"), seeds=5, stack=1, evaluate_every=100),
    },
    plan=plan,
    measures=(networks,),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce lottery-ticket``."""
