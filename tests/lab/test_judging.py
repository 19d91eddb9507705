import json
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.lab import Estimate, above, below, between, exact, gain, most, open_part
from netopsy.lab.judging import conclude, criterion_hash

CLAIM = SimpleNamespace(id="paper-1", criterion="it is above", paper_value="0.9")
OTHER = SimpleNamespace(id="paper-2", criterion="it is below", paper_value=0.5)
numbers = st.floats(-5, 5) | st.just(math.nan)
HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"


def estimate(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, float(low), float(high), 5)


@pytest.mark.parametrize(
    ("low", "high", "answer", "mirrored"),
    [
        (0.1, 0.3, HOLDS, FAILS),
        (-0.1, 0.3, OPEN, OPEN),
        (-0.3, -0.1, FAILS, HOLDS),
        (-0.3, 0.0, FAILS, OPEN),
        (0.0, 0.3, OPEN, FAILS),
        (math.nan, math.nan, OPEN, OPEN),
    ],
)
def test_the_whole_interval_must_lie_beyond(low, high, answer, mirrored):
    assert above("part", estimate(low, high)).answer == answer
    assert below("part", estimate(low, high)).answer == mirrored


@given(numbers, numbers, st.floats(-5, 5))
def test_below_is_above_mirrored(one, two, threshold):
    low, high = sorted((one, two)) if one == one and two == two else (one, two)
    mirrored = Estimate(0.0, -high, -low, 5)
    assert above("part", estimate(low, high), threshold).answer == below("part", mirrored, -threshold).answer


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [(0.2, 0.3, HOLDS), (0.1, 1.0, HOLDS), (0.05, 0.3, OPEN), (1.2, 1.3, FAILS), (math.nan, math.nan, OPEN)],
)
def test_between(low, high, answer):
    assert between("part", estimate(low, high), 0.1, 1.0).answer == answer


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (0.1, 0.3, HOLDS),  # the mean 0.2 is the margin
        (-0.01, 0.5, OPEN),  # the mean is beyond, the interval is not above 0
        (0.05, 0.3, OPEN),  # the mean is short of the margin
        (0.05, 0.19, FAILS),  # all of the interval is short of it
        (math.nan, math.nan, OPEN),
    ],
)
def test_a_gain_is_the_mean_and_the_interval(low, high, answer):
    assert gain("part", estimate(low, high), 0.2).answer == answer


def test_a_gain_with_a_floor_of_its_own():
    assert gain("part", estimate(-0.005, 0.02), 0.0, floor=-0.01).answer == HOLDS
    assert gain("part", estimate(-0.02, 0.05), 0.0, floor=-0.01).answer == OPEN


@pytest.mark.parametrize(("error", "answer"), [(0.0, HOLDS), (1e-9, HOLDS), (2e-9, FAILS), (math.nan, OPEN)])
def test_an_identity_has_a_tolerance_and_no_interval(error, answer):
    part = exact("part", error, 1e-9)
    assert part.answer == answer
    assert part.to_json()["interval"] is None


def test_most_of_several():
    parts = [above(name, estimate(*ends)) for name, ends in {"a": (1, 2), "b": (0.1, 0.2), "c": (-2, -1)}.items()]
    assert most("two", parts, 2).answer == HOLDS
    assert most("two", parts, 2).estimate == estimate(0.1, 0.2)  # the second strongest decides
    assert most("three", parts, 3).answer == FAILS
    assert most("two", [parts[0], above("d", estimate(-1, 1)), parts[2]], 2).answer == OPEN
    with pytest.raises(InputError, match="between 1 and 3 parts"):
        most("four", parts, 4)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_a_claim_is_as_good_as_its_weakest_part(ends):
    parts = [above(f"part {number}", estimate(min(e), max(e))) for number, e in enumerate(ends)]
    (verdict,) = conclude([CLAIM], [(CLAIM.id, part) for part in parts])
    answers = [part.answer for part in parts]
    expected = FAILS if FAILS in answers else OPEN if OPEN in answers else HOLDS
    assert verdict.verdict == verdict.weakest.answer == expected


def test_the_weakest_part_is_shown():
    parts = [above("strong", estimate(5, 6)), above("weak", estimate(0.1, 1.1)), exact("identity", 0.0)]
    (verdict,) = conclude([CLAIM], [(CLAIM.id, part) for part in parts])
    assert verdict.weakest.name == "weak"
    assert verdict.estimate == pytest.approx(0.6)
    assert verdict.interval == (0.1, 1.1)
    assert verdict.rule == "interval above 0"


def test_every_claim_is_answered_once():
    part = above("part", estimate(1, 2))
    with pytest.raises(InputError, match="claims without an answer: paper-2"):
        conclude([CLAIM, OTHER], [("paper-1", part)])
    with pytest.raises(InputError, match="'paper-9' is no claim of the paper"):
        conclude([CLAIM], [("paper-9", part)])
    with pytest.raises(InputError, match="paper-1 has two parts called 'part'"):
        conclude([CLAIM], [("paper-1", part), ("paper-1", part)])


def test_an_answer_is_a_part(unchecked):
    with pytest.raises(InputError, match="must be answered by parts, got bool"):
        conclude([CLAIM], [("paper-1", True)])


def test_verdicts_are_numbers_in_json():
    part = above(
        "part", estimate(1, 2), 0.5, unit="graphs", beside={"control": estimate(0, 1), "n": 3, "odd": math.nan}
    )
    open_ = open_part("rest", why="needs a GPU")
    (verdict,) = conclude([CLAIM], [("paper-1", part), ("paper-1", "A remark."), ("paper-1", open_)])
    found = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert (found["verdict"], found["weakest"], found["rule"]) == (OPEN, "rest", "needs a GPU")
    assert found["note"] == "A remark."
    first = found["parts"][0]
    assert (first["estimate"], first["interval"], first["n"], first["unit"]) == (1.5, [1, 2], 5, "graphs")
    assert first["rule"] == "interval above 0.5"
    assert first["beside"] == {
        "control": {"estimate": 0.5, "interval": [0, 1], "n": 5, "confidence": 0.95},
        "n": 3,
        "odd": None,
    }
    assert found["criterion_hash"] == criterion_hash("it  is\nabove")
    assert found["criterion_hash"] != criterion_hash("it is below")


def test_a_part_by_name():
    (verdict,) = conclude([CLAIM], [("paper-1", above("part", estimate(1, 2)))])
    assert verdict.part("part").answer == HOLDS
    with pytest.raises(InputError, match="has no part 'other': it has part"):
        verdict.part("other")
