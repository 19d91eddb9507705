import pytest

from netopsy import InputError
from netopsy.examination.comparison.differences import Difference
from netopsy.examination.comparison.limits import beyond, limits_from

FOUND = {
    "accuracy": Difference(-0.4, "accuracy", "points", -1.6, 0.8),
    "parameters": Difference(-50.0, "parameters", "%"),
    "nll": Difference(float("nan"), "likelihood", "", float("nan"), float("nan")),
}


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("accuracy < -0.5", 0),
        ("accuracy < -0.3", 1),
        ("accuracy<=-0.4", 1),
        ("accuracy < -0.4", 0),
        ("accuracy.high < 0", 0),
        ("accuracy.low < -1.5, parameters > -60", 2),
        ("nll > 5", 1),
    ],
)
def test_a_limit_is_broken_where_it_comes_true(text, broken):
    assert len(beyond(limits_from(text), FOUND)) == broken


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "must be like"),
        ("", "must be like"),
        ("accuracy < ", "must be like"),
        ("accuracy < ten", "end in a number, got 'ten'"),
        ("accuracy < nan", "end in a number"),
        ("acuracy < 1", "unknown difference 'acuracy': did you mean 'accuracy'"),
        ("accuracy.mean < 1", "accuracy.low or accuracy.high"),
        ("accuracy < 1, , ece > 1", "must be like"),
        ("parameters.low < 1", "has no interval"),
        ("brier < 1", "give no brier"),
    ],
)
def test_what_is_no_limit_is_told(text, message):
    with pytest.raises(InputError, match=message):
        beyond(limits_from(text), FOUND)
