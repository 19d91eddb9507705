"""Two networks on the same samples: differences that count every sample once, for both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

from netopsy.lab.statistics import Estimate

Sample = NDArray[np.float64]

RESAMPLES = 2000


def difference_of_shares(a: NDArray[np.bool_], b: NDArray[np.bool_], *, confidence: float = 0.95) -> Estimate:
    """The share of B less that of A, with the interval for paired shares of Bonett and Price (2012).

    >>> found = difference_of_shares(np.array([True] * 8 + [False] * 2), np.array([True] * 9 + [False]))
    >>> f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
    '0.10 [-0.20, 0.36]'
    """
    n = len(a)
    gained, lost = int((~a & b).sum()), int((a & ~b).sum())
    more, less = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    spread = float(norm.ppf((1 + confidence) / 2)) * float(np.sqrt((more + less - (more - less) ** 2) / (n + 2)))
    value = (gained - lost) / n
    return Estimate(value, max(-1.0, more - less - spread), min(1.0, more - less + spread), n, confidence)


def mcnemar(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """The exact p value that the two are right equally often: of the samples on which one alone is, half are A's.

    >>> round(mcnemar(np.array([True] * 10), np.array([False] * 8 + [True] * 2)), 4)
    0.0078
    """
    gained, lost = int((~a & b).sum()), int((a & ~b).sum())
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def beyond_chance(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Cohen's kappa: 1 for answers that are always the same, 0 for as many as independent ones would share.

    >>> beyond_chance(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]))
    0.0
    """
    kinds = np.union1d(a, b)
    shares = [np.array([(one == kind).mean() for kind in kinds]) for one in (a, b)]
    same, chance = float((a == b).mean()), float(shares[0] @ shares[1])
    return 1.0 if chance >= 1 else (same - chance) / (1 - chance)


def bootstrap_difference(
    value: Callable[[NDArray[np.int64]], float], n: int, *, seed: int, confidence: float = 0.95
) -> Estimate:
    """``value`` of all samples, with the percentile interval over samples drawn again, the same for both networks."""
    random = np.random.default_rng(seed)
    drawn = [value(random.integers(0, n, n)) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    found = value(np.arange(n))
    return Estimate(found, min(float(low), found), max(float(high), found), n, confidence)
