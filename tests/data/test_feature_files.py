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


def test_names_kept_as_an_index_are_names(tmp_path):
    turned = table().iloc[[2, 0, 1]].set_index("node")
    turned.to_parquet(tmp_path / "x.parquet")
    turned.rename_axis(" Node ").to_csv(tmp_path / "x.csv")
    for name in ("x.parquet", "x.csv"):
        np.testing.assert_array_equal(read_features(tmp_path / name, NODES), ROWS)
    turned.rename_axis(None).to_parquet(tmp_path / "y.parquet")
    with pytest.raises(InputError, match="keeps names beside its columns: put them into a column 'node'"):
        read_features(tmp_path / "y.parquet", NODES)
    turned.rename_axis(None).to_csv(tmp_path / "y.csv")
    with pytest.raises(InputError, match="first column without a name: call it 'node'"):
        read_features(tmp_path / "y.csv", NODES)


def test_a_count_of_rows_is_no_feature(tmp_path):
    table().drop(columns="node").to_csv(tmp_path / "x.csv")
    table().to_csv(tmp_path / "y.csv")
    for name in ("x.csv", "y.csv"):
        np.testing.assert_array_equal(read_features(tmp_path / name, NODES), ROWS)


def test_a_heading_that_is_one_short_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\nann,1,2\nbob,3,4\ncy,5,6\n")
    with pytest.raises(InputError, match="fewer names of columns than columns"):
        read_features(tmp_path / "x.csv", ("ann", "bob", "cy"))


def test_a_node_may_be_called_na(tmp_path):
    table(("NA", "null", " x ")).to_csv(tmp_path / "x.csv", index=False)
    np.testing.assert_array_equal(read_features(tmp_path / "x.csv", ("NA", "null", "x")), ROWS)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (table(("ann", "ann", "bob")), "names node 'ann' twice"),
        (table(("ann", "bob", "dan")), "has no row for node 'cy, jr'"),
        (pd.concat([table(), table(("eve", "fay", "gus"))]), "names 'eve', which is no node"),
        (table().drop(columns="node").iloc[:2], "must have a row for each of the 3 nodes"),
        (table()[["node"]], "at least one column of features"),
        (table().assign(c=["x", "y", "z"]), "a column that is not real numbers: c"),
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
