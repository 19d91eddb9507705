import pandas as pd
import pytest

from netopsy import InputError
from netopsy.lab import Tables

ROWS = [
    {"measure": "hits", "seed": seed, "scene": scene, "method": method, "value": value + seed + scene}
    for seed in (1, 0)
    for scene in (0, 2)
    for method, value in (("b", 10.0), ("a", 0.0))
]


def test_below_the_unit_all_is_averaged():
    wide = Tables(ROWS).wide("hits")
    assert list(wide.columns) == ["b", "a"]  # the order of the plan
    assert wide.loc[0].tolist() == [11.0, 1.0]
    assert wide.loc[1].tolist() == [12.0, 2.0]
    assert len(wide) == 2


def test_where_takes_one_value_or_several():
    tables = Tables(ROWS)
    assert tables.wide("hits", scene=2).loc[0].tolist() == [12.0, 2.0]
    assert set(tables.rows("hits", method=("a",), seed=[0, 1])["method"]) == {"a"}
    assert tables.mean("hits", "seed", method="a").to_dict() == {1: 2.0, 0: 1.0}


def test_columns_belong_to_their_measure():
    tables = Tables([*ROWS, {"measure": "other", "n": 3}])
    assert list(tables["other"].columns) == ["measure", "n"]
    assert tables["other"]["n"].dtype == int
    assert set(tables) == {"hits", "other"}
    assert "third" not in tables
    assert len(tables.frame) == len(ROWS) + 1


def test_two_levels_of_columns():
    wide = Tables(ROWS).wide("hits", columns=["method", "scene"])
    assert wide["a"].loc[0].tolist() == [0.0, 2.0]


def test_what_is_not_there():
    tables = Tables(ROWS)
    assert isinstance(tables.wide("hits", method="c"), pd.DataFrame)
    assert tables.wide("hits", method="c").empty
    with pytest.raises(InputError, match="unknown measure 'hit': did you mean 'hits'"):
        tables["hit"]
    with pytest.raises(InputError, match="hits has no column 'graph'"):
        tables.rows("hits", graph="karate")
    with pytest.raises(InputError, match="hits has no column 'run'"):
        tables.wide("hits", index="run")
    with pytest.raises(InputError, match="needs a column 'measure'"):
        Tables([{"value": 1}])
