import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import cohen_kappa_score

from netopsy.examination.comparison.paired import beyond_chance, bootstrap_difference, difference_of_shares, mcnemar


def pair_of(both, a, b, neither):
    rows = [(True, True)] * both + [(True, False)] * a + [(False, True)] * b + [(False, False)] * neither
    return np.array(rows).T


def test_the_interval_is_that_of_the_published_example():
    """Bonett and Price 2012, section 6: cells 51, 8, 23, 18 of 100, for a difference of .15."""
    found = difference_of_shares(*pair_of(51, 8, 23, 18))
    more, less = 24 / 102, 9 / 102
    spread = 1.959964 * np.sqrt((more + less - (more - less) ** 2) / 102)
    assert (found.value, found.low, found.high) == pytest.approx((0.15, 15 / 102 - spread, 15 / 102 + spread), abs=1e-6)


@pytest.mark.parametrize(("a", "b", "both"), [(0.02, 0.05, 0.9), (0.1, 0.1, 0.6), (0.001, 0.02, 0.97)])
def test_the_interval_covers_what_it_promises(a, b, both):
    random = np.random.default_rng(0)
    counts = random.multinomial(200, [both, a, b, 1 - both - a - b], size=1500)
    covered = 0
    for row in counts:
        found = difference_of_shares(*pair_of(*row))
        covered += found.low <= b - a <= found.high
    assert covered / len(counts) >= 0.94


@given(st.integers(0, 12), st.integers(0, 12))
def test_mcnemar_is_a_coin_on_the_samples_that_one_alone_has_right(lost, gained):
    n = lost + gained
    tail = sum(binom.pmf(k, n, 0.5) for k in range(n + 1) if binom.pmf(k, n, 0.5) <= binom.pmf(lost, n, 0.5) * 1.0001)
    assert mcnemar(*pair_of(5, lost, gained, 3)) == pytest.approx(min(1.0, tail))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30))
def test_kappa_is_scikit_learn_s(rows):
    a, b = np.array(rows).T
    with np.errstate(invalid="ignore"):
        wanted = cohen_kappa_score(a, b) if len(np.union1d(a, b)) > 1 else 1.0
    assert beyond_chance(a, b) == pytest.approx(wanted)


def test_the_bootstrap_is_of_one_draw_for_both_and_seeded():
    apart = np.random.default_rng(0).normal(0.3, 1, 400)
    found = bootstrap_difference(lambda which: float(apart[which].mean()), 400, seed=1)
    assert found == bootstrap_difference(lambda which: float(apart[which].mean()), 400, seed=1)
    half = 1.96 * apart.std() / 20
    assert (found.low, found.high) == pytest.approx((apart.mean() - half, apart.mean() + half), abs=0.02)
