"""The formulas of the page, by values that were worked out by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from netopsy.core.errors import InputError
from netopsy.feed.interests import Background
from netopsy.feed.ranking import EPOCH, hot, stored_trend, trend_at, trending, wilson, with_signal

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def before(*hours):
    return [NOW - timedelta(hours=each) for each in hours]


def test_a_vote_counts_half_every_day():
    assert trending(before(0, 12, 24, 48), NOW) == pytest.approx(2.457107, abs=1e-6)
    assert trending(before(*[72] * 10), NOW) == 1.25
    assert trending(before(6, 6), NOW) == pytest.approx(1.681793, abs=1e-6)


def test_the_stored_form_orders_as_the_sum_does():
    after = [EPOCH + timedelta(hours=each) for each in (0, 24, 24, 48)]
    stored = stored_trend(after)
    assert stored == pytest.approx(3.169925, abs=1e-6)
    assert trend_at(stored, EPOCH + timedelta(hours=72)) == pytest.approx(1.125)
    assert with_signal(stored_trend(after[:3]), after[3]) == stored
    assert stored_trend([]) is None
    assert trend_at(None, NOW) == 0
    random = np.random.default_rng(0)
    papers = [before(*random.uniform(0, 24 * 400, random.integers(1, 40))) for _ in range(50)]
    for later in (0, 1000):
        moment = NOW + timedelta(hours=later)
        sums = [trending(each, moment) for each in papers]
        assert [trend_at(stored_trend(each), moment) for each in papers] == pytest.approx(sums, rel=1e-9)


def test_hot_favours_the_young():
    values = [hot(5, 0.5), hot(10, 2.0), hot(30, 8.0), hot(100, 24.0)]
    assert values == pytest.approx([0.960900, 0.824692, 0.475468, 0.283823], abs=1e-6)


def test_the_lower_end_of_wilsons_interval():
    found = [wilson(*each) for each in [(1, 1), (9, 10), (10, 10), (100, 110), (0, 5)]]
    assert found == pytest.approx([0.206549, 0.595850, 0.722467, 0.840703, 0.0], abs=1e-6)


def test_a_readers_direction_is_in_closed_form():
    known = Background.of(np.zeros(2), np.diag([4.0, 1.0]))
    direction = known.directions(np.array([2.0, 1.0]))
    np.testing.assert_allclose(direction, [[2 / 29, 1 / 26]], rtol=1e-12)
    assert known.scores(direction, np.ones((1, 2))).item() == pytest.approx(0.1074271, abs=1e-7)


def test_one_liked_paper_and_no_spread_to_speak_of_is_nearness_to_it():
    vectors = np.random.default_rng(1).normal(size=(40, 5))
    known = Background.fitted(vectors)
    wide = Background(known.mean, np.eye(5))
    scores = wide.scores(wide.directions(vectors[3]), vectors)[0]
    np.testing.assert_allclose(scores, (vectors - known.mean) @ (vectors[3] - known.mean), rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hot(-1, 1.0), "must not be negative"),
        (lambda: wilson(3, 2), "helpful votes must be from 0 to all 2"),
        (lambda: trending([datetime(2026, 1, 1)], NOW), "now must be a datetime with a zone"),
        (lambda: Background.of(np.zeros(2), np.zeros((2, 2))), "their covariance is 0"),
        (lambda: Background.fitted(np.zeros((1, 3))), "two papers are the least"),
    ],
)
def test_what_cannot_be_ranked_is_said(call, message):
    with pytest.raises(InputError, match=message):
        call()
