"""How the lottery ticket study's four claims are answered: in points of test accuracy at the early-stop step, and in
steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Estimate, Part, Tables, above, below, most, open_part, paired_difference
from netopsy.studies.sparsity.lottery_ticket.plan import Config

RESNETS = ("resnet20-high", "resnet20-low", "resnet20-warmup")


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
        high, *others = (_gain(tables, name, matched) for name in RESNETS)
        yield "lottery-ticket-4", below("gain over re-initialised at learning rate 0.1", high, 0.0)
        parts = [above(name, gain, 0.0) for name, gain in zip(RESNETS[1:], others, strict=True)]
        yield "lottery-ticket-4", most("gain at learning rate 0.01 or with warm-up", parts, 1)
    else:
        why = "needs ResNet-20 on CIFAR-10, which only the paper preset trains"
        yield "lottery-ticket-4", open_part("gain over re-initialised by learning rate", why=why)


def accuracies(tables: Tables, setting: str) -> pd.DataFrame:
    """Test accuracy in points: a row a seed, a column a condition and round."""
    return 100 * tables.wide("networks", columns=["condition", "round"], values="accuracy", setting=setting)


def _gain(tables: Tables, setting: str, r: int) -> Estimate:
    points = accuracies(tables, setting)
    return paired_difference(points["ticket", r], points["reinit", r])
