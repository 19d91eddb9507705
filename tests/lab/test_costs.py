import time

import pandas as pd
import pytest

from netopsy import InputError
from netopsy.core.drawing import figure
from netopsy.lab.costs import cost_lines, milliseconds, milliseconds_in_turns


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


def test_one_line_for_each_entry():
    table = pd.DataFrame({"side": [32, 64, 32, 64], "method": ["a", "a", "b", "b"], "value": [1.0, 4.0, 2.0, 3.0]})
    _, axes = figure()
    cost_lines(axes, table, x="side", by="method")
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    assert axes.lines[1].get_ydata().tolist() == [2.0, 3.0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["32", "64"]
