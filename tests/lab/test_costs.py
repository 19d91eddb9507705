import time

import numpy as np
import pytest

from netopsy import InputError
from netopsy.lab.costs import exponent, growth, milliseconds, milliseconds_in_turns, most_megabytes, seconds


def test_a_pause_lasts_as_long_as_it_says():
    assert 5 <= milliseconds(lambda: time.sleep(0.005), rounds=3) < 50
    with pytest.raises(InputError, match="rounds"):
        milliseconds(time.time, rounds=0)


def test_calls_that_take_turns_each_have_their_fastest():
    order = []

    def call(name, pauses):
        order.append(name)
        time.sleep(pauses.pop(0))

    slow, fast = [0.0, 0.06, 0.02, 0.06], [0.06, 0.02, 0.005, 0.02]
    found = milliseconds_in_turns({"slow": lambda: call("slow", slow), "fast": lambda: call("fast", fast)}, rounds=3)
    assert order == ["slow", "fast"] * 4
    assert found["slow"] >= 20
    assert found["fast"] >= 5
    with pytest.raises(InputError, match="rounds"):
        milliseconds_in_turns({}, rounds=0)


def test_growth_has_a_row_a_size_and_method():
    rows = list(growth(lambda size: {"sum": lambda: sum(range(size))}, (10, 20), name="numbers", rounds=1))
    assert [(row["numbers"], row["method"]) for row in rows] == [(10, "sum"), (20, "sum")]
    assert all(row["value"] >= 0 for row in rows)


def test_seconds_come_with_what_was_made():
    taken, found = seconds(lambda: "made")
    assert found == "made"
    assert taken >= 0


def test_exponent_of_a_power():
    assert exponent([10.0, 20.0, 40.0], [3 * n**1.5 for n in (10, 20, 40)]) == pytest.approx(1.5)
    with pytest.raises(InputError, match="at least two sizes"):
        exponent([1.0], [1.0])


def test_the_most_that_was_held_never_falls():
    before = most_megabytes()
    held = np.ones(5_000_000)
    after = most_megabytes()
    assert before is None or 10 < before <= after
    assert held.all()
