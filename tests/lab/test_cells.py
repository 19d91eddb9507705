import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.lab import Cell
from netopsy.lab.cells import as_rows

parameters = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(parameters)
def test_key_depends_on_the_values_and_not_on_their_order(values):
    turned = dict(reversed(values.items()))
    assert Cell("a", values).key("paper", "v") == Cell("b", turned).key("paper", "v")
    assert Cell("a", values).parameters == values


@given(parameters)
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
    with pytest.raises(InputError, match="parameters of cell 'a' must be finite JSON values"):
        Cell("a", {"x": value})


def test_rows_become_plain_python():
    row = {"a": np.float32(0.1), "b": torch.tensor(3), "c": np.int64(4), "d": np.bool_(True), "e": None, "f": "x"}
    (plain,) = as_rows([row])
    assert plain == {"a": float(np.float32(0.1)), "b": 3, "c": 4, "d": True, "e": None, "f": "x"}
    assert [type(value) for value in plain.values()] == [float, int, int, bool, type(None), str]


@pytest.mark.parametrize(
    "measured", [None, {"a": 1}, [1], [{"a": [1]}], [{"a": np.zeros(2)}], [{1: 2}], [{"a": 2**64}], [{"a": 1j}]]
)
def test_rows_that_are_no_table_are_refused(measured):
    with pytest.raises(InputError):
        as_rows(measured)
