import numpy as np
import pandas as pd
import pytest

from netopsy import InputError
from netopsy.data.feature_files import read_features

NODES = ("ann", "bob", "cy, jr")
ROWS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def table(names=NODES):
    return pd.DataFrame(ROWS, columns=["a", "b"]).assign(node=list(names))


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_rows_are_matched_by_name(tmp_path, ending):
    path = tmp_path / f"features.{ending}"
    turned = table().iloc[[2, 0, 1]]
    if ending == "parquet":
        turned.to_parquet(path)
    else:
        turned.to_csv(path, index=False, sep="," if ending == "csv" else "\t")
    np.testing.assert_array_equal(read_features(path, NODES), ROWS)


def test_rows_without_names_are_in_order(tmp_path):
    table().drop(columns="node").to_csv(tmp_path / "x.csv", index=False)
    np.save(tmp_path / "x.npy", ROWS)
    for name in ("x.csv", "x.npy"):
        np.testing.assert_array_equal(read_features(tmp_path / name, NODES), ROWS)


def test_names_that_look_like_numbers(tmp_path):
    table(("01", "1", "2")).to_csv(tmp_path / "x.csv", index=False)
    np.testing.assert_array_equal(read_features(tmp_path / "x.csv", ("1", "01", "2")), ROWS[[1, 0, 2]])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (table(("ann", "ann", "bob")), "names node 'ann' twice"),
        (table(("ann", "bob", "dan")), "has no row for node 'cy, jr'"),
        (pd.concat([table(), table(("eve", "fay", "gus"))]), "names 'eve', which is no node"),
        (table().drop(columns="node").iloc[:2], "must have a row for each of the 3 nodes"),
        (table()[["node"]], "at least one column of features"),
        (table().assign(c=["x", "y", "z"]), "a column that is not numbers: 'c'"),
        (table().assign(b=[1.0, np.nan, 2.0]), "NaN, infinity or empty"),
    ],
)
def test_tables_that_do_not_fit(tmp_path, made, message):
    made.to_csv(tmp_path / "x.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_features(tmp_path / "x.csv", NODES)


def test_files_that_are_none(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_features(tmp_path / "x.csv", NODES)
    (tmp_path / "x.doc").write_text("")
    with pytest.raises(InputError, match="unknown feature file ending '.doc'"):
        read_features(tmp_path / "x.doc", NODES)
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        read_features(tmp_path / "x.parquet", NODES)
    np.save(tmp_path / "evil.npy", np.array([{}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        read_features(tmp_path / "evil.npy", NODES)
    np.save(tmp_path / "flat.npy", ROWS[0])
    with pytest.raises(InputError, match="must hold a matrix"):
        read_features(tmp_path / "flat.npy", NODES)
