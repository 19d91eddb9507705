import csv
import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from netopsy.cli import main
from netopsy.data.graph_files import read_graph
from netopsy.graphs.teddy import sparsify


def run(*arguments):
    return main(["graph", "sparsify", *map(str, arguments)])


@pytest.fixture
def karate(tmp_path):
    file = tmp_path / "karate.csv"
    network = nx.karate_club_graph()
    file.write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in network.edges))
    return file


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_edges_and_picture_are_written(karate, tmp_path, form, capsys):
    out = tmp_path / "thin" / "er"
    for _ in range(2):  # the folder may be written again
        assert run(karate, "--sparsity", 0.5, "--out", out, "--table", form) == 0
    assert "39 of 78 edges kept" in capsys.readouterr().out
    file = out / f"edges.{form}"
    table = pd.read_csv(file) if form == "csv" else pd.read_parquet(file)
    expected = sparsify(nx.karate_club_graph(), 0.5)
    assert list(table.columns) == ["source", "target", "score"]
    assert table[["source", "target"]].astype(int).to_numpy().T.tolist() == expected.edges[:, expected.kept].tolist()
    assert np.allclose(table["score"], expected.scores[expected.kept])
    assert (out / "sparsified.svg").stat().st_size > 5000
    assert (out / "sparsified.png").stat().st_size > 5000


def test_what_is_written_can_be_read_again(karate, tmp_path):
    assert run(karate, "--out", tmp_path / "half", "--quiet") == 0
    assert run(tmp_path / "half" / "edges.csv", "--out", tmp_path / "again", "--sparsity", 0.0) == 0
    assert json.loads((tmp_path / "again" / "summary.json").read_text())["kept"] == 39


NAMES = ["Smith, John", 'the "boss"', "New York", "C#", "a # b", "100% sure", "source", "O'Brien", "7", "x;y"]


def test_tables_with_any_names_are_read_again_as_they_are(tmp_path):
    network = nx.relabel_nodes(nx.complete_graph(len(NAMES)), dict(enumerate(NAMES)))
    file = tmp_path / "odd.csv"
    pd.DataFrame(network.edges, columns=["source", "target"]).to_csv(file, index=False, quoting=csv.QUOTE_ALL)
    read = read_graph(file)
    assert sorted(read.nodes) == sorted(NAMES)
    assert run(file, "--out", tmp_path / "out", "--sparsity", 0.5, "--quiet") == 0
    table = pd.read_csv(tmp_path / "out" / "edges.csv", dtype=str)
    again = read_graph(tmp_path / "out" / "edges.csv")
    written = {frozenset(pair) for pair in zip(table["source"], table["target"], strict=True)}
    ends = sparse.coo_array(again.adjacency)
    assert {frozenset((again.nodes[a], again.nodes[b])) for a, b in zip(ends.row, ends.col, strict=True)} == written
    assert set(again.nodes) <= set(NAMES)
    assert (again.adjacency.data == 1).all()  # scores are no weights


def test_large_graphs_and_their_names(tmp_path, capsys):
    file = tmp_path / "words.csv"
    network = nx.barabasi_albert_graph(300, 3, seed=0)
    file.write_text("".join(f"n{a},n{b}\n" for a, b in network.edges))
    assert run(file, "--out", tmp_path / "out", "--score", "random", "--seed", 3, "--sparsity", 0.8) == 0
    table = pd.read_csv(tmp_path / "out" / "edges.csv")
    edges = {frozenset(pair) for pair in zip(table["source"], table["target"], strict=True)}
    assert edges < {frozenset((f"n{a}", f"n{b}")) for a, b in network.edges}
    assert "nodes are left without any" in capsys.readouterr().out


def test_scores_that_are_all_alike_have_a_picture(tmp_path):
    (tmp_path / "ring.csv").write_text("".join(f"{a},{(a + 1) % 250}\n" for a in range(250)))
    assert run(tmp_path / "ring.csv", "--out", tmp_path / "ring", "--sparsity", 0) == 0
    (tmp_path / "one.csv").write_text("a,b\n")
    assert run(tmp_path / "one.csv", "--out", tmp_path / "one", "--sparsity", 0.9, "--quiet") == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sparsity", 1.0), "--sparsity must be at least 0 and below 1"),
        (("--score", "tedy"), "did you mean 'teddy'"),
        (("--table", "xlsx"), "unknown table format"),
        (("--out", "karate.csv"), "is a file"),
        (("--seed", -1), "--seed"),
    ],
)
def test_bad_input(karate, tmp_path, arguments, says, monkeypatch, capsys, unchecked):
    monkeypatch.chdir(tmp_path)
    assert run(karate, *arguments) == 2
    assert says in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["karate.csv"]


def test_files_that_are_no_graph(tmp_path, capsys):
    assert run(tmp_path / "no.csv", "--out", tmp_path / "out") == 2
    assert "does not exist" in capsys.readouterr().err
    (tmp_path / "loop.csv").write_text("1,1\n")
    assert run(tmp_path / "loop.csv", "--out", tmp_path / "out") == 2
    assert "holds no edge" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
