"""Nodes are called as in the file by sparsify, and what it writes says all that it was given."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from netopsy.cli.app import main
from netopsy.data.graph_files import read_graph


@pytest.fixture
def path(tmp_path):
    """1-2-3-4-5, as Matrix Market counts."""
    io.mmwrite(tmp_path / "path.mtx", sparse.coo_matrix(nx.to_scipy_sparse_array(nx.path_graph(5), dtype=float)))
    return tmp_path / "path.mtx"


def run(*arguments):
    return main(["graph", *map(str, arguments)])


def test_sparsify_names_the_nodes_of_the_file(path):
    folder = path.parent
    assert run("sparsify", path, "--sparsity", 0, "--out", folder / "thin") == 0
    edges = pd.read_csv(folder / "thin" / "edges.csv")
    assert edges[["source", "target"]].to_numpy().tolist() == [[1, 2], [2, 3], [3, 4], [4, 5]]


@pytest.mark.parametrize("table", ["csv", "parquet"])
def test_sparsify_reads_what_it_writes_with_weights_and_isolated_nodes(tmp_path, table):
    (tmp_path / "star.csv").write_text("source,target,weight\nhub,a,2.5\nhub,b,3\nhub,c,4\na,b,7\n")
    out = tmp_path / "out"
    assert run("sparsify", tmp_path / "star.csv", "--sparsity", 0.75, "--table", table, "--out", out) == 0
    names = pd.read_csv(out / "nodes.csv").node.tolist()
    assert sorted(names) == ["a", "b", "c", "hub"]
    found = read_graph(out / f"edges.{table}", nodes=names)
    assert (len(found), found.edge_count) == (4, 1)
    assert set(np.unique(found.adjacency.data)) <= {2.5, 3.0, 4.0, 7.0}
    code = run("sparsify", out / f"edges.{table}", "--nodes", out / "nodes.csv", "--out", tmp_path / "again")
    assert code == 0
