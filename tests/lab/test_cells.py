import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.lab import Cell
from netopsy.lab.cells import measured

parameters = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@drawn(parameters)
def test_key_depends_on_the_values_and_not_on_their_order(values):
    turned = dict(reversed(values.items()))
    assert Cell("a", values).key("paper", "v") == Cell("a", turned).key("paper", "v")
    assert Cell("a", values).parameters == values


@drawn(parameters)
def test_cells_survive_pickling(values):
    cell = Cell("a", values)
    again = pickle.loads(pickle.dumps(cell))
    assert again == cell
    assert hash(again) == hash(cell)


def test_key_depends_on_paper_version_and_parameters():
    cell = Cell("a", {"x": 1})
    keys = {cell.key("p", "v"), cell.key("q", "v"), cell.key("p", "w"), Cell("a", {"x": 2}).key("p", "v")}
    assert len(keys) == 4


def test_a_cell_does_not_follow_later_changes_of_what_it_was_made_from():
    values = {"seeds": [0, 1]}
    cell = Cell("a", values)
    values["seeds"].append(2)
    assert cell.parameters == {"seeds": [0, 1]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, torch.zeros(2), {1: "a"}, b"bytes", object()])
def test_parameters_that_are_not_json_are_refused(value):
    with pytest.raises(InputError, match="arguments of a cell of a must be finite JSON values"):
        Cell("a", {"x": value})


@dataclass(frozen=True)
class Inner:
    """Part of an argument."""

    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    """An argument."""

    inner: Inner = Inner()
    rates: tuple[tuple[float, float], ...] = ((0.1, 0.2),)


def given(outer: Outer, names: tuple[str, ...], seed: int, listed: list[int]):
    yield {"same": outer == Outer(), "names": repr(names), "listed": repr(listed)}


def test_arguments_come_back_in_the_types_that_are_declared():
    cell = Cell.of(given, outer=Outer(), names=("a", "b"), seed=3, listed=[1, 2])
    again = pickle.loads(pickle.dumps(cell))
    (row,) = measured(given, again)
    assert row == {"measure": "given", "seed": 3, "same": True, "names": "('a', 'b')", "listed": "[1, 2]"}


def test_arguments_that_do_not_fit_are_refused_at_once():
    with pytest.raises(InputError, match="do not fit the measure given: missing a required argument: 'listed'"):
        Cell.of(given, outer=Outer(), names=(), seed=0)


def test_a_row_wins_over_its_cell():
    def widths(width):
        return [{"measure": "other", "width": 5}, {}]

    first, second = measured(widths, Cell.of(widths, width=3))
    assert (first["measure"], first["width"]) == ("other", 5)
    assert (second["measure"], second["width"]) == ("widths", 3)


def test_rows_become_plain_python():
    row = {"a": np.float32(0.1), "b": torch.tensor(3), "c": np.int64(4), "d": np.bool_(True), "e": None, "f": "x"}
    (plain,) = measured(lambda: [row], Cell("m"))
    assert plain == {"measure": "m", "a": float(np.float32(0.1)), "b": 3, "c": 4, "d": True, "e": None, "f": "x"}
    assert [type(value) for value in plain.values()] == [str, float, int, int, bool, type(None), str]


@pytest.mark.parametrize(
    "found", [None, "rows", {"a": 1}, [1], [{"a": [1]}], [{"a": np.zeros(2)}], [{1: 2}], [{"a": 2**64}], [{"a": 1j}]]
)
def test_rows_that_are_no_table_are_refused(found):
    with pytest.raises(InputError):
        measured(lambda: found, Cell("m"))
