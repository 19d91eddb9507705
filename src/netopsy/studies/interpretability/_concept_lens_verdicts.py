"""What the measurements of the concept-lens study say about its four claims. The criteria are the catalogue's."""

from __future__ import annotations

from typing import Any

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, mean_interval, paired_difference
from netopsy.lab.verdicts import Answer
from netopsy.studies.interpretability._concept_lens_measures import MEASURES, OPTIMAL, RANDOM
from netopsy.studies.interpretability._concept_lens_strategies import GROUPED, IMPORTANCE, PIXELS

CLOSE, CORRELATED = 1e-5, 0.999
LEAST, MARGIN = 0.5, 0.3


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [optimal(rows), trade(rows), order(rows), cues(rows)]


def optimal(rows: pd.DataFrame) -> Verdict:
    """concept-lens-1: the largest distance from the best order, and the least correlation, over runs and classes."""
    about, found = claim("concept-lens", "concept-lens-1"), rows[rows["measure"] == "affine"]
    details, misses = [], []
    for method, own in found.groupby("method", sort=False):
        gap, least = float(own[["deletion", "insertion"]].max().max()), float(own["mu"].min())
        details.append(f"{method} gap {gap:.1e}, C-muFidelity {least:.4f}")
        if method in OPTIMAL and not (gap <= CLOSE and least > CORRELATED):
            misses.append(str(method))
    worst = float(found[found["method"].isin(OPTIMAL)][["deletion", "insertion"]].max().max())
    images = int(found[found["method"] == OPTIMAL[0]]["images"].sum())
    detail = f"{images} images; largest gap to the best order, least class mean of C-muFidelity: {'; '.join(details)}"
    answer: Answer = "does not hold" if misses else "holds"
    return Verdict.of(about, answer, Estimate(worst, worst, worst, images), detail)


def trade(rows: pd.DataFrame) -> Verdict:
    """concept-lens-2: five paired differences over runs and splits."""
    about, found = claim("concept-lens", "concept-lens-2"), _of_first_layer(rows, "extraction")
    table = found.pivot(index=["seed", "split"], columns="method", values=list(MEASURES))
    parts = []
    for measure, less, more in (
        ("relative l2", "pca", "nmf"),
        ("relative l2", "nmf", "kmeans"),
        ("sparsity", "nmf", "kmeans"),
        ("sparsity", "pca", "nmf"),
        ("instability", "nmf", "pca"),
    ):
        difference = paired_difference(table[measure][more], table[measure][less])
        parts.append(Verdict.above(about, difference, 0.0, f"{measure}, {more} - {less}: {difference:.3f}"))
    verdict = Verdict.all_of(about, parts)
    means = {measure: found.groupby("method", sort=False)[measure].mean() for measure in MEASURES}
    words = "; ".join(
        f"{measure} " + ", ".join(f"{m} {v:.3f}" for m, v in own.items()) for measure, own in means.items()
    )
    return _with(verdict, f"{verdict.detail}. Means: {words}")


def order(rows: pd.DataFrame) -> Verdict:
    """concept-lens-3: C-Deletion less that of the absolute gradient, over runs and classes."""
    about, found = claim("concept-lens", "concept-lens-3"), _of_first_layer(rows, "ranking")
    table = found.pivot(index=["seed", "class"], columns="method", values="deletion")
    parts = []
    for method in ("gi", "ig", "oc"):
        difference, chance = (paired_difference(table[method], table[other]) for other in ("sa", RANDOM))
        parts.append(Verdict.below(about, difference, 0.0, f"{method} - sa {difference:.3f}, - random {chance:.3f}"))
    verdict = Verdict.all_of(about, parts)
    means = ", ".join(f"{name} {value:.2f}" for name, value in table.mean().sort_values().items())
    return _with(verdict, f"{verdict.detail}. C-Deletion: {means}")


def cues(rows: pd.DataFrame) -> Verdict:
    """concept-lens-4: the adjusted Rand index of importances, and what it exceeds that of pixels by."""
    about, found = claim("concept-lens", "concept-lens-4"), rows[rows["measure"] == "cluster"]
    table = found.pivot(index="seed", columns="method", values="value")
    index, gain = mean_interval(table[IMPORTANCE]), paired_difference(table[IMPORTANCE], table[PIXELS])
    fails = index.high < LEAST or gain.high < MARGIN
    holds = index.value >= LEAST and gain.value > MARGIN and gain.low > 0
    answer: Answer = "holds" if holds else "does not hold" if fails else "undecided"
    means = ", ".join(f"{name}: {mean_interval(table[name]):.2f}" for name in GROUPED)
    accuracy = rows[rows["measure"] == "accuracy"]["value"].mean()
    detail = f"adjusted Rand index with the hidden cue by what is grouped, {means}; accuracy {accuracy:.3f}"
    return Verdict.of(about, answer, index, detail)


def _of_first_layer(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    found = rows[rows["measure"] == measure]
    return found[found["layer"] == found["layer"].iloc[0]]


def _with(verdict: Verdict, detail: str) -> Verdict:
    return Verdict(
        verdict.claim,
        verdict.verdict,
        verdict.criterion,
        verdict.estimate,
        verdict.interval,
        verdict.paper_value,
        detail,
    )
