import json
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.lab import Estimate, Verdict

CLAIM = SimpleNamespace(id="a-claim", criterion="it is above", paper_value="0.9")
numbers = st.floats(-5, 5) | st.just(math.nan)


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, low, high, 5)


@pytest.mark.parametrize(
    ("low", "high", "above", "below"),
    [
        (0.1, 0.3, "holds", "does not hold"),
        (-0.1, 0.3, "undecided", "undecided"),
        (-0.3, -0.1, "does not hold", "holds"),
        (-0.3, 0.0, "does not hold", "undecided"),
        (0.0, 0.3, "undecided", "does not hold"),
        (math.nan, math.nan, "undecided", "undecided"),
    ],
)
def test_the_whole_interval_must_say_so(low, high, above, below):
    assert Verdict.above(CLAIM, estimate(low, high)).verdict == above
    assert Verdict.below(CLAIM, estimate(low, high)).verdict == below


@given(numbers, numbers, st.floats(-5, 5))
def test_below_is_above_mirrored(one, two, threshold):
    low, high = sorted((one, two)) if one == one and two == two else (one, two)
    mirrored = Estimate(0.0, -high, -low, 5)
    assert (
        Verdict.above(CLAIM, estimate(low, high), threshold).verdict
        == Verdict.below(CLAIM, mirrored, -threshold).verdict
    )


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [(0.2, 0.3, "holds"), (0.05, 0.3, "undecided"), (1.2, 1.3, "does not hold"), (math.nan, math.nan, "undecided")],
)
def test_between(low, high, answer):
    assert Verdict.between(CLAIM, estimate(low, high), 0.1, 1.0).verdict == answer


def test_all_parts_must_hold():
    yes, no, open_ = (Verdict.of(CLAIM, answer) for answer in ("holds", "does not hold", "undecided"))
    assert Verdict.all_of(CLAIM, [yes, yes]).verdict == "holds"
    assert Verdict.all_of(CLAIM, [yes, open_]).verdict == "undecided"
    assert Verdict.all_of(CLAIM, [open_, no, yes]).verdict == "does not hold"


def test_the_deciding_part_is_shown():
    strong = Verdict.above(CLAIM, estimate(1.0, 2.0), detail="accuracy")
    weak = Verdict.above(CLAIM, estimate(-1.0, 2.0), detail="speed")
    both = Verdict.all_of(CLAIM, [strong, weak])
    assert both.interval == (-1, 2)
    assert both.detail == "accuracy: holds; speed: undecided"


def test_json_is_valid_whatever_was_measured():
    entry = Verdict.above(CLAIM, Estimate(math.nan, math.nan, math.inf, 1)).to_json()
    assert json.loads(json.dumps(entry, allow_nan=False))["interval"] is None
    half_open = Verdict.above(CLAIM, Estimate(2.0, 1.0, math.inf, 3)).to_json()
    assert (half_open["estimate"], half_open["interval"]) == (2.0, [1.0, None])
    assert entry["claim"] == "a-claim"
    assert Verdict.undecided(CLAIM, "needs a GPU").to_json()["estimate"] is None


def test_bad_input(unchecked):
    with pytest.raises(InputError, match="verdict must be one of"):
        Verdict("a", "perhaps", "b")
    with pytest.raises(InputError, match="at least one"):
        Verdict.all_of(CLAIM, [])
    with pytest.raises(InputError, match="low must not exceed high"):
        Verdict.between(CLAIM, estimate(0.0, 1.0), 2.0, 1.0)
