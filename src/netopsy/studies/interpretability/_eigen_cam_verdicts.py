"""What the measurements of the eigen-cam study say about its four claims. The criteria are the catalogue's.

Errors are pooled over the runs: intervals are over images.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, bootstrap_mean, proportion_interval
from netopsy.lab.verdicts import Answer
from netopsy.studies.interpretability._eigen_cam_maps import (
    CENTRED,
    EIGEN,
    ENERGY,
    GRAD,
    METHODS,
    PLUS,
    SECOND,
    TRIVIAL,
)

FEWEST_MISTAKES = 60
WIDEST = 0.2
WITHIN = 0.1


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [localisation(rows), noise(rows), mistakes(rows), component(rows)]


def localisation(rows: pd.DataFrame) -> Verdict:
    """eigen-cam-1: at the earlier layer, the better of Grad-CAM and Grad-CAM++ against Eigen-CAM."""
    earlier, last = layers_of(rows)
    gains = {}
    for layer in (earlier, last):
        table = wrong(rows, "clean", layer)
        best = min((GRAD, PLUS), key=lambda name, table=table: table[name].mean())  # type: ignore[misc]
        gains[layer] = best, gain_over(table, best)
    details = []
    for layer, (best, gain) in gains.items():
        table = wrong(rows, "clean", layer)
        trivial = [name for name in TRIVIAL if table[name].mean() <= table[EIGEN].mean() + 0.02]
        also = f"; {' and '.join(trivial)}: within 0.02 of Eigen-CAM or better" if trivial else ""
        details.append(f"{layer}: {best} - Eigen-CAM {gain:.3f} (errors: {_errors(table)}{also})")
    return Verdict.exceeds(claim("eigen-cam", "eigen-cam-1"), gains[earlier][1], 0.02, ". ".join(details))


def noise(rows: pd.DataFrame) -> Verdict:
    """eigen-cam-2: Grad-CAM against Eigen-CAM under adversarial noise, and how much each method's error rises."""
    accuracy = rows[(rows["measure"] == "accuracy") & (rows["condition"] == "noise")]["value"].mean()
    details = [f"accuracy under noise {accuracy:.2f}"]
    for layer in layers_of(rows):
        table, clean = wrong(rows, "noise", layer), wrong(rows, "clean", layer)
        rises = ", ".join(f"{name} {table[name].mean() - clean[name].mean():+.3f}" for name in METHODS if name in table)
        gain = gain_over(table, GRAD)
        details.append(f"{layer}: Grad-CAM - Eigen-CAM {gain:.3f} (errors: {_errors(table)}; over clean: {rises})")
    return Verdict.exceeds(
        claim("eigen-cam", "eigen-cam-2"),
        gain_over(wrong(rows, "noise", layers_of(rows)[0]), GRAD),
        0.05,
        ". ".join(details),
    )


def mistakes(rows: pd.DataFrame) -> Verdict:
    """eigen-cam-3: other heads leave the map as it is; and errors on misclassified images less those on the others."""
    about = claim("eigen-cam", "eigen-cam-3")
    same = rows[rows["measure"] == "head"]["value"]
    exact = bool((same == 1).all())
    parts = [
        Verdict.of(
            about,
            "holds" if exact else "does not hold",
            None,
            f"(a) maps bit-identical in {int(same.sum())} of {len(same)} cases: head randomised, permuted or deleted",
        )
    ]
    earlier, last = layers_of(rows)
    ours, theirs = after_mistakes(rows, earlier, EIGEN), after_mistakes(rows, earlier, GRAD)
    count = int((~wrong(rows, "half trained", earlier)["recognised"].astype(bool)).sum())
    width = ours.high - ours.low
    if count < FEWEST_MISTAKES or not width <= WIDEST:
        answer: Answer = "undecided"
    elif abs(ours.low) <= WITHIN and abs(ours.high) <= WITHIN and theirs.low > 0:
        answer = "holds"
    else:
        apart = ours.low > WITHIN or ours.high < -WITHIN
        answer = "does not hold" if apart or theirs.high <= 0 else "undecided"
    details = [
        f"{layer}: {EIGEN} {after_mistakes(rows, layer, EIGEN):.3f}, {GRAD} {after_mistakes(rows, layer, GRAD):.3f}"
        for layer in (earlier, last)
    ]
    words = f"(b) error on the {count} misclassified images less that on the others, {'; '.join(details)}"
    return Verdict.all_of(about, [Verdict.of(about, answer, ours, words), *parts])


def component(rows: pd.DataFrame) -> Verdict:
    """eigen-cam-4: the differences alone; no direction is expected, so there is nothing to hold."""
    details = []
    for layer in layers_of(rows):
        table = wrong(rows, "clean", layer)
        pairs = ", ".join(f"{name} {gain_over(table, name):.3f}" for name in (CENTRED, ENERGY, SECOND))
        details.append(f"{layer}, error less that of Eigen-CAM: {pairs}")
    first = gain_over(wrong(rows, "clean", layers_of(rows)[0]), CENTRED)
    return Verdict.of(
        claim("eigen-cam", "eigen-cam-4"), "undecided", first, ". ".join([*details, "No direction is expected"])
    )


def gain_over(table: pd.DataFrame, other: str) -> Estimate:
    """Error of the other method less that of Eigen-CAM, over images, paired."""
    return bootstrap_mean(table[other], table[EIGEN], resamples=1999)


def after_mistakes(rows: pd.DataFrame, layer: str, method: str) -> Estimate:
    """Error of a method on images that the half-trained network misclassifies less that on the others."""
    table = wrong(rows, "half trained", layer)
    recognised = table["recognised"].astype(bool)
    return difference_of_shares(
        *(value for part in (table[~recognised], table[recognised]) for value in (int(part[method].sum()), len(part)))
    )


def difference_of_shares(first: int, of_first: int, second: int, of_second: int) -> Estimate:
    """The difference of two independent proportions with Newcombe's interval from their Wilson intervals.

    Source: Newcombe 1998, Interval estimation for the difference between independent proportions, method 10.
    """
    a, b = proportion_interval(first, of_first), proportion_interval(second, of_second)
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    return Estimate(value, low, high, of_first + of_second)


def wrong(rows: pd.DataFrame, condition: str, layer: str) -> pd.DataFrame:
    """A row an image of any run, a column a method that has maps there: 1 where the box is wrong, else 0."""
    chosen = rows[(rows["measure"] == "wrong") & (rows["condition"] == condition) & (rows["layer"] == layer)]
    methods = [name for name in METHODS if name in chosen and chosen[name].notna().all()]
    return chosen[[*methods, "recognised"]].reset_index(drop=True)


def layers_of(rows: pd.DataFrame) -> list[str]:
    """The two layers, the earlier one first."""
    return list(rows.loc[rows["measure"] == "wrong", "layer"].unique())


def _errors(table: pd.DataFrame) -> str:
    return ", ".join(f"{name} {table[name].mean():.3f}" for name in METHODS if name in table)
