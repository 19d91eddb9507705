import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from netopsy import InputError
from netopsy.lab import bootstrap_mean, bootstrap_median, mean_interval, paired_difference, proportion_interval

samples = st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=12)


@given(samples)
def test_mean_interval_is_that_of_the_t_test(values):
    found = mean_interval(values)
    if np.std(values) < 1e-9:
        return
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(np.mean(values), abs=1e-9)
    assert found.interval == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_mean_interval_against_the_table():
    """t(0.975; 4) = 2.776445, standard error of 1..5 = sqrt(2.5 / 5)."""
    half = 2.776445 * math.sqrt(0.5)
    assert mean_interval([1, 2, 3, 4, 5]).interval == pytest.approx((3 - half, 3 + half), abs=1e-5)


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(-10, 10)), min_size=3, max_size=10))
def test_paired_difference_is_antisymmetric(pairs):
    ours, theirs = map(list, zip(*pairs, strict=True))
    forward, backward = paired_difference(ours, theirs), paired_difference(theirs, ours)
    assert forward.value == pytest.approx(-backward.value, abs=1e-12)
    assert forward.interval == pytest.approx((-backward.high, -backward.low), abs=1e-9)


def test_pairing_takes_the_common_part_out():
    common = np.array([0.0, 100.0, -50.0, 30.0])
    found = paired_difference(common + np.array([1.0, 1.1, 0.9, 1.0]), common)
    assert found.value == pytest.approx(1.0)
    assert found.low > 0.8


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, math.nan], [1.0, 2.0, math.inf]])
@pytest.mark.parametrize("method", [mean_interval, bootstrap_mean])
def test_too_little_to_go_by_has_no_interval(method, values):
    found = method(values)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.n == len(values)


def test_constant_samples_have_an_interval_of_no_width():
    assert mean_interval([2.0, 2.0, 2.0]).interval == (2.0, 2.0)
    assert bootstrap_mean([2.0, 2.0, 2.0]).interval == (2.0, 2.0)


def test_bootstrap_covers_the_mean_of_a_skewed_distribution():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(100):
        found = bootstrap_mean(rng.exponential(size=30), seed=trial, resamples=500)
        hits += found.low <= 1.0 <= found.high
    assert 85 <= hits <= 99


def test_bootstrap_is_repeatable_and_pairs():
    values, minus = np.array([1.0, 4.0, 9.0, 2.0]), np.array([0.0, 1.0, 2.0, 2.0])
    assert bootstrap_mean(values, minus, seed=1) == bootstrap_mean(values - minus, seed=1)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_solves_its_equation(counts):
    """The ends are where |p - k/n| = z sqrt(p (1 - p) / n)."""
    successes, trials = counts
    found, z = proportion_interval(successes, trials), stats.norm.ppf(0.975)
    for end in found.interval:
        if 0 < end < 1:
            assert abs(end - successes / trials) == pytest.approx(z * math.sqrt(end * (1 - end) / trials), abs=1e-9)
    assert found.low <= found.value <= found.high


def test_no_trials():
    assert math.isnan(proportion_interval(0, 0).value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([[1.0, 2.0]]), "one-dimensional"),
        (lambda: mean_interval([1.0, 2.0, 3.0], confidence=1.0), "confidence"),
        (lambda: paired_difference([1.0, 2.0], [1.0]), "of one length, got 2 and 1"),
        (lambda: proportion_interval(3, 2), "between 0 and trials=2, got 3"),
        (lambda: proportion_interval(0, -1), "negative"),
        (lambda: bootstrap_mean([1.0, 2.0, 3.0], resamples=3), "at least 100"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_median_with_the_order_statistics_of_its_bootstrap():
    values = np.random.default_rng(0).normal(size=101)
    found = bootstrap_median(values)
    low, high = np.sort(values)[[40, 60]]  # the binomial interval: 41st and 61st of 101
    assert found.value == np.median(values)
    assert found.low == pytest.approx(low, abs=0.06)
    assert found.high == pytest.approx(high, abs=0.06)
    assert bootstrap_median([2.0, 2.0, 2.0]).interval == (2.0, 2.0)
    assert math.isnan(bootstrap_median([1.0, 2.0]).low)
