"""What the measurements of the causal-paths study say about its four claims. The criteria are the catalogue's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, bootstrap_median, paired_difference
from netopsy.lab.verdicts import Answer
from netopsy.studies.interpretability._causal_measures import BASELINES, CAUSAL, LARGEST, RANGE

PAPER = "causal-paths"
MARGIN = 0.2
ALIKE = 0.7
OF_FOUR = 3


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [enough(rows), needed(rows), steady(rows), alike(rows)]


def enough(rows: pd.DataFrame) -> Verdict:
    """causal-paths-1: class probability with the graph's edges alone less that with random ones."""
    table = of(rows, "class")
    gain = paired_difference(table["restricted"], table["restricted random"])
    detail = (
        f"whole network {table['whole'].mean():.3f}, graph alone {table['restricted'].mean():.3f}, random causes "
        f"{table['restricted random'].mean():.3f}; class against the rest, AUROC: whole "
        f"{table['AUROC whole'].mean():.3f}, graph alone {table['AUROC restricted'].mean():.3f}"
    )
    return Verdict.above(claim(PAPER, "causal-paths-1"), gain, MARGIN, detail)


def needed(rows: pd.DataFrame) -> Verdict:
    """causal-paths-2: class probability with random edges of the last layer cut less that with the causal ones cut."""
    table = of(rows, "class")
    gain = paired_difference(table["ablated random"], table["ablated"])
    detail = f"causal edges cut {table['ablated'].mean():.3f}, random ones {table['ablated random'].mean():.3f}"
    return Verdict.above(claim(PAPER, "causal-paths-2"), gain, MARGIN, detail)


def steady(rows: pd.DataFrame) -> Verdict:
    """causal-paths-3: the median log ratio of the causal maps' Lipschitz estimates to each baseline's."""
    ratios = log_ratios(rows)
    lower = [name for name, ratio in ratios.items() if ratio.high < 0]
    not_lower = [name for name, ratio in ratios.items() if ratio.low >= 0]
    answer: Answer = "holds" if len(lower) >= OF_FOUR else "undecided"
    if len(not_lower) > len(BASELINES) - OF_FOUR:
        answer = "does not hold"
    words = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    medians = steepness_of(rows, LARGEST)[[CAUSAL, *BASELINES]].median()
    stretched = ", ".join(f"{name} {ratio:.2f}" for name, ratio in log_ratios(rows, RANGE).items())
    faith = of(rows, "irof")
    areas = "" if faith.empty else ", ".join(f"{name} {faith[name].mean():.3f}" for name in (CAUSAL, *BASELINES))
    detail = (
        f"median log ratio of causal maps to {words}; median estimates: "
        f"{', '.join(f'{name} {value:.3f}' for name, value in medians.items())}; maps stretched to run from 0 to 1: "
        f"{stretched}"
        f"{f'; IROF area: {areas}' if areas else ''}"
    )
    # Shown is the ratio that decides: the third lowest, since three must be below 0.
    deciding = sorted(ratios.values(), key=lambda ratio: ratio.high)[OF_FOUR - 1]
    return Verdict.of(claim(PAPER, "causal-paths-3"), answer, deciding, detail)


def alike(rows: pd.DataFrame) -> Verdict:
    """causal-paths-4: the median over classes and runs of how alike the graphs of two halves are."""
    halves = bootstrap_median(by_class(rows, "halves")["value"])
    soft = of(rows, "beta").groupby("beta")["value"].median()
    words = ", ".join(f"{beta:g}: {value:.2f}" for beta, value in soft.items())
    return Verdict.between(
        claim(PAPER, "causal-paths-4"), halves, ALIKE, 1.0, f"Jaccard with the hard graph by beta: {words}"
    )


def log_ratios(rows: pd.DataFrame, scale: str = LARGEST) -> dict[str, Estimate]:
    """For each baseline the median over images of log(causal / baseline)."""
    table = steepness_of(rows, scale)
    return {name: bootstrap_median(np.log(table[CAUSAL] / table[name])) for name in BASELINES}


def steepness_of(rows: pd.DataFrame, scale: str) -> pd.DataFrame:
    """One row an image: the Lipschitz estimate of each method's maps on a scale."""
    table = of(rows, "lipschitz")
    return table[table["scale"] == scale]


def by_class(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One row for each class of each run: the mean over the repeats."""
    means = of(rows, measure).groupby(["network", "seed", "class"])["value"].mean()
    return pd.DataFrame(means).reset_index()


def of(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The rows of one measure."""
    return rows[rows["measure"] == measure]
