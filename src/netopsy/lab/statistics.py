"""Estimates with the interval that says how far to trust them. The mathematics is scipy's.

scipy.stats takes half a second to import and only a judge needs it, so workers are spared it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.texts import shortened

Sample: TypeAlias = NDArray[np.float64]

FEWEST = 3
"""Fewer values than this have no interval worth the name: its ends are then NaN."""


@dataclass(frozen=True)
class Estimate:
    """A number, the ends of its interval, the sample size behind it, and the interval's confidence."""

    value: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends."""
        return self.low, self.high

    def __format__(self, spec: str) -> str:
        spec = spec or ".3g"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


@checked
def mean_interval(values: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The mean with its Student-t interval; below three values the interval is NaN, and a NaN among them makes all NaN.

    >>> f"{mean_interval([1.0, 2.0, 3.0]):.2f}"
    '2.00 [-0.48, 4.48]'
    """
    sample = _sample("values", values)
    _check_confidence(confidence)
    mean = float(sample.mean()) if sample.size else math.nan
    if sample.size < FEWEST or not np.isfinite(sample).all():
        return Estimate(mean, math.nan, math.nan, sample.size, confidence)
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
    if error == 0.0:
        return Estimate(mean, mean, mean, sample.size, confidence)
    from scipy import stats

    low, high = stats.t.interval(confidence, sample.size - 1, loc=mean, scale=error)
    return Estimate(mean, float(low), float(high), sample.size, confidence)


@checked
def paired_difference(ours: ArrayLike, theirs: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The mean of ``ours - theirs``, pair by pair, with its paired Student-t interval."""
    first, second = _pairs(ours, theirs)
    return mean_interval(first - second, confidence=confidence)


@checked
def bootstrap_mean(
    values: ArrayLike,
    minus: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
) -> Estimate:
    """The mean with its bias-corrected bootstrap (BCa) interval, for samples that are far from normal.

    With ``minus`` it is the mean of the paired differences ``values - minus``. A constant sample has an interval of no
    width. Below three values the interval is NaN.
    """
    sample = _sample("values", values)
    if minus is not None:
        first, second = _pairs(values, minus)
        sample = first - second
    _check_confidence(confidence)
    return _bootstrap(sample, np.mean, "BCa", confidence, resamples, seed)


@checked
def bootstrap_median(values: ArrayLike, *, confidence: float = 0.95, resamples: int = 9999, seed: int = 0) -> Estimate:
    """The median with its percentile bootstrap interval. Below three values the interval is NaN.

    >>> f"{bootstrap_median([1.0, 2.0, 3.0, 4.0, 100.0]):.1f}"
    '3.0 [1.0, 100.0]'
    """
    sample = _sample("values", values)
    _check_confidence(confidence)
    # A median takes few values, for which BCa's correction is not made.
    return _bootstrap(sample, np.median, "percentile", confidence, resamples, seed)


def _bootstrap(
    sample: Sample,
    statistic: Callable[..., Any],
    method: Literal["BCa", "percentile"],
    confidence: float,
    resamples: int,
    seed: int,
) -> Estimate:
    require(resamples >= 100, f"resamples must be at least 100, got {resamples}")
    value = float(statistic(sample)) if sample.size else math.nan
    if sample.size < FEWEST or not np.isfinite(sample).all():
        return Estimate(value, math.nan, math.nan, sample.size, confidence)
    if np.ptp(sample) == 0:
        return Estimate(value, value, value, sample.size, confidence)
    from scipy import stats

    found = stats.bootstrap(
        (sample,),
        statistic,
        method=method,
        confidence_level=confidence,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(found.low), float(found.high), sample.size, confidence)


@checked
def proportion_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Estimate:
    """The share of successes with its Wilson interval; NaN throughout for no trials.

    >>> f"{proportion_interval(9, 10):.2f}"
    '0.90 [0.60, 0.98]'
    """
    require(trials >= 0, f"trials must not be negative, got {trials}")
    require(0 <= successes <= trials, f"successes must lie between 0 and trials={trials}, got {successes}")
    _check_confidence(confidence)
    if trials == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, confidence)
    from scipy import stats

    test = stats.binomtest(int(successes), int(trials))
    found = test.proportion_ci(confidence_level=confidence, method="wilson")
    return Estimate(successes / trials, float(found.low), float(found.high), int(trials), confidence)


def rank_correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's; 0 where one of the two does not vary.

    >>> rank_correlation([1.0, 2.0, 3.0], [2.0, 3.0, 9.0])
    1.0
    """
    one, other = _pairs(first, second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    from scipy import stats

    return float(stats.spearmanr(one, other).statistic)


def r_squared(given: NDArray[Any], wanted: NDArray[Any]) -> float | None:
    """Share of the variance that a linear regression explains; ``None`` where there is no variance."""
    centred = wanted - wanted.mean()
    total = float(centred @ centred)
    if total == 0.0:
        return None
    scaled = given / np.abs(given).max(0)
    residual = wanted - scaled @ np.linalg.lstsq(scaled, wanted, rcond=None)[0]
    return 1 - float(residual @ residual) / total


def _sample(name: str, values: ArrayLike) -> Sample:
    try:
        sample = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"values must be numbers, got {shortened(repr(values), 60)}") from None
    require(sample.ndim == 1, f"{name} must be one-dimensional, got shape {sample.shape}")
    return sample


def _pairs(ours: ArrayLike, theirs: ArrayLike) -> tuple[Sample, Sample]:
    first, second = _sample("the first sample", ours), _sample("the second sample", theirs)
    require(first.size == second.size, f"paired samples must be of one length, got {first.size} and {second.size}")
    return first, second


def _check_confidence(confidence: float) -> None:
    require(0 < confidence < 1, f"confidence must lie strictly between 0 and 1, got {confidence}")
