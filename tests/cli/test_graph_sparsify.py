import networkx as nx
import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from netopsy import InputError
from netopsy.cli import graph_sparsify
from netopsy.graphs.teddy import sparsify


@pytest.fixture
def run():
    """Runs the command in a group of its own, as it is registered in the one of graphs."""
    app = typer.Typer()
    app.callback()(lambda: None)
    graph_sparsify.register(app)

    def call(*arguments):
        return CliRunner().invoke(app, ["sparsify", *map(str, arguments)], catch_exceptions=True)

    return call


@pytest.fixture
def karate(tmp_path):
    file = tmp_path / "karate.csv"
    network = nx.karate_club_graph()
    file.write_text("source,target\n" + "".join(f"{a},{b}\n" for a, b in network.edges))
    return file


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_edges_and_picture_are_written(run, karate, tmp_path, form):
    out = tmp_path / "thin" / "er"
    result = run(karate, "--sparsity", 0.5, "--out", out, "--format", form)
    assert result.exit_code == 0, result.output
    assert "39 of 78 edges kept" in result.output
    file = out / f"edges.{form}"
    table = pd.read_csv(file) if form == "csv" else pd.read_parquet(file)
    expected = sparsify(nx.karate_club_graph(), 0.5)
    assert list(table.columns) == ["source", "target", "score"]
    assert table[["source", "target"]].astype(int).to_numpy().T.tolist() == expected.edges[:, expected.kept].tolist()
    assert np.allclose(table["score"], expected.scores[expected.kept])
    assert (out / "picture.svg").stat().st_size > 5000
    assert (out / "picture.png").stat().st_size > 5000


def test_large_graphs_and_their_names(run, tmp_path):
    file = tmp_path / "words.csv"
    network = nx.barabasi_albert_graph(300, 3, seed=0)
    file.write_text("".join(f"n{a},n{b}\n" for a, b in network.edges))
    result = run(file, "--out", tmp_path / "out", "--score", "random", "--seed", 3)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(tmp_path / "out" / "edges.csv")
    assert table["source"].str.startswith("n").all()
    edges = {frozenset(pair) for pair in zip(table["source"], table["target"], strict=True)}
    assert edges < {frozenset((f"n{a}", f"n{b}")) for a, b in network.edges}


def test_graphs_at_the_edge_of_the_possible(run, tmp_path):
    from scipy import io, sparse

    io.mmwrite(tmp_path / "none.mtx", sparse.coo_array((250, 250)))
    assert run(tmp_path / "none.mtx", "--out", tmp_path / "none").exit_code == 0
    io.mmwrite(tmp_path / "one.mtx", sparse.coo_array((1, 1)))
    assert run(tmp_path / "one.mtx", "--out", tmp_path / "one").exit_code == 0
    (tmp_path / "ring.csv").write_text("".join(f"{a},{(a + 1) % 250}\n" for a in range(250)))
    assert run(tmp_path / "ring.csv", "--out", tmp_path / "ring", "--sparsity", 0).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--sparsity", 1.0), "--sparsity must be at least 0 and below 1"),
        (("--score", "tedy"), "did you mean 'teddy'"),
        (("--format", "xlsx"), "unknown format"),
        (("--out", "karate.csv"), "--out must be a folder"),
    ],
)
def test_bad_input(run, karate, tmp_path, arguments, says, unchecked, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(karate, *arguments)
    assert isinstance(result.exception, InputError)
    assert says in str(result.exception)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["karate.csv"]


def test_a_file_that_is_not_there(run, tmp_path):
    result = run(tmp_path / "no.csv", "--out", tmp_path / "out")
    assert "does not exist" in str(result.exception)
    assert not (tmp_path / "out").exists()
