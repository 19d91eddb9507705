"""What the measurements of the lottery ticket study say about its four claims. The criteria are the catalogue's."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, paired_difference

PAPER = "lottery-ticket"


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """The four claims, in points of test accuracy at the early-stop step and in steps."""
    look = partial(_column, rows, config.settings[0])
    sparse, matched = config.sparse, config.matched
    beats = 100 * look("ticket", sparse), 100 * look("reinit", sparse)
    equals = 100 * look("ticket", matched), 100 * look("ticket", 0)
    matters = claim(PAPER, "lottery-ticket-1")
    faster = claim(PAPER, "lottery-ticket-2")
    steps = partial(look, value="early_stop_step")
    to_dense = _ratio(steps("ticket", matched), steps("ticket", 0))
    once = claim(PAPER, "lottery-ticket-3")
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


def _warmup_verdict(rows: pd.DataFrame, config: Any) -> Verdict:
    warmup = claim(PAPER, "lottery-ticket-4")
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
