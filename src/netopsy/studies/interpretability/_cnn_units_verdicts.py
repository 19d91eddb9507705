"""What the measurements say about the survey's two claims on units. The criteria are the catalogue's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, mean_interval, paired_difference
from netopsy.lab.statistics import FEWEST
from netopsy.studies.interpretability._cnn_units import RANDOM, TRAINED


def judge_units(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """cnn-visualization-3 and cnn-visualization-4."""
    return [stabilisation(rows), detectors(rows)]


def stabilisation(rows: pd.DataFrame) -> Verdict:
    """cnn-visualization-3: epochs until the projections of the last convolution's filters settle, less those of the first's."""
    epochs = settled(rows)
    layers = list(epochs)
    gap = difference_of_means(epochs[layers[-1]]["value"], epochs[layers[0]]["value"])
    means = ", ".join(f"{layer} {mean_interval(table['value']):.2f}" for layer, table in epochs.items())
    by_run = epochs[layers[-1]].groupby("seed")["value"].mean() - epochs[layers[0]].groupby("seed")["value"].mean()
    silent = int(rows[rows["measure"] == "settled"]["value"].isna().sum())
    start = rows[(rows["measure"] == "alike") & (rows["epoch"] == 0)].groupby("layer")["value"].mean()
    before = ", ".join(f"{layer} {start[layer]:.2f}" for layer in layers)
    runs = ", ".join(f"{one:.2f}" for one in by_run)
    detail = (
        f"epochs until settled: {means}; last - first by run {runs}; cosine of the untrained with the last projection: "
        f"{before}; filters silent in the end, left out: {silent}"
    )
    return Verdict.above(claim("cnn-visualization", "cnn-visualization-3"), gap, 0.0, detail)


def detectors(rows: pd.DataFrame) -> Verdict:
    """cnn-visualization-4: unique detectors among the units less those among the directions of a random basis."""
    own, other = unrotated(rows, TRAINED), fully_rotated(rows, TRAINED)
    lost = paired_difference(own["value"], other["value"])
    parts = []
    for weights in (TRAINED, RANDOM):
        before, after = unrotated(rows, weights), fully_rotated(rows, weights)
        parts.append(
            f"{weights}: {before['value'].mean():.2f} unique detectors, rotated {after['value'].mean():.2f}; detectors "
            f"{before['detectors'].mean():.1f}, rotated {after['detectors'].mean():.1f}; mean match of a unit "
            f"{before['match'].mean():.4f}, rotated {after['match'].mean():.4f}"
        )
    by_run = (own["value"] - other["value"]).groupby(other["seed"]).mean()
    runs = ", ".join(f"{one:.2f}" for one in by_run)
    share = lost.value / own["value"].mean() if own["value"].mean() > 0 else math.nan
    accuracy = rows[rows["measure"] == "accuracy"]["value"].mean()
    detail = f"fall by {100 * share:.0f} %, by run {runs}; {'. '.join(parts)}; names right {accuracy:.3f}"
    return Verdict.above(claim("cnn-visualization", "cnn-visualization-4"), lost, 0.0, detail)


def settled(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Layer to a row a filter and run, the first layer first; without filters that are silent in the end."""
    found = rows[(rows["measure"] == "settled") & rows["value"].notna()].sort_values("depth", kind="stable")
    return {str(layer): found[found["layer"] == layer] for layer in found["layer"].unique()}


def unrotated(rows: pd.DataFrame, weights: str) -> pd.DataFrame:
    """A row a run and rotation, always of the units themselves: to be paired with `fully_rotated`."""
    found = rows[(rows["measure"] == "unique") & (rows["weights"] == weights)]
    own = found[found["rotation"] < 0].set_index("seed")[["value", "detectors", "match"]]
    return own.loc[fully_rotated(rows, weights)["seed"]].reset_index(drop=True)


def fully_rotated(rows: pd.DataFrame, weights: str) -> pd.DataFrame:
    """A row a run and rotation."""
    found = rows[(rows["measure"] == "unique") & (rows["weights"] == weights)]
    return found[(found["rotation"] >= 0) & (found["share"] == 1)].reset_index(drop=True)


def difference_of_means(ours: pd.Series, theirs: pd.Series) -> Estimate:
    """The difference of two independent means with Welch's interval; NaN where either has fewer than three values.

    >>> f"{difference_of_means(pd.Series([2.0, 3.0, 4.0]), pd.Series([0.0, 1.0, 2.0])):.2f}"
    '2.00 [-0.27, 4.27]'
    """
    first, second = (np.asarray(values, dtype=float) for values in (ours, theirs))
    count = first.size + second.size
    value = float(first.mean() - second.mean()) if min(first.size, second.size) else math.nan
    if min(first.size, second.size) < FEWEST:
        return Estimate(value, math.nan, math.nan, count)
    errors = [float(sample.var(ddof=1)) / sample.size for sample in (first, second)]
    if sum(errors) == 0:
        return Estimate(value, value, value, count)
    freedom = sum(errors) ** 2 / sum(
        error**2 / (sample.size - 1) for error, sample in zip(errors, (first, second), strict=True)
    )
    from scipy import stats

    low, high = stats.t.interval(0.95, freedom, loc=value, scale=math.sqrt(sum(errors)))
    return Estimate(value, float(low), float(high), count)
