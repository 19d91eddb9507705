import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import io, sparse

from netopsy.cli import main
from netopsy.cli.graph.cluster import read_labels
from netopsy.data.graphs import graph


@pytest.fixture
def files(tmp_path):
    """Two cliques with a bridge, nodes called a0 ... b5; and labels of which one is wrong."""
    network = nx.disjoint_union(nx.complete_graph(6), nx.complete_graph(6))
    network.add_edge(5, 6)
    names = [f"a{number}" for number in range(6)] + [f"b{number}" for number in range(6)]
    (tmp_path / "two.csv").write_text("\n".join(f"{names[one]},{names[other]}" for one, other in network.edges))
    guesses = "\n".join(f"{name},{int(name in ('a0', 'a1', 'a2', 'a4', 'a5', 'b5'))}" for name in names)
    (tmp_path / "labels.csv").write_text(f"node,label\n{guesses}\n")
    return tmp_path


def run(folder, *options, graph="two.csv"):
    return main(["graph", "cluster", str(folder / graph), "--out", str(folder / "out"), *options])


def nodes(folder, ending="csv"):
    path = folder / "out" / f"cluster.{ending}"
    return list((pd.read_csv(path) if ending == "csv" else pd.read_parquet(path))["node"])


@pytest.mark.parametrize("hint", [("--size-hint", "6"), ("--volume-hint", "20")])
def test_the_clique_around_a_node(files, hint, capsys):
    assert run(files, "--seed-node", "a2", *hint) == 0
    assert nodes(files) == [f"a{number}" for number in range(6)]
    told = capsys.readouterr().out
    assert "6 of 12 nodes, conductance 0.032" in told
    assert (files / "out" / "cluster.png").read_bytes().startswith(b"\x89PNG")
    scan = pd.read_csv(files / "out" / "scan.csv")
    assert scan["conductance"].min() == pytest.approx(1 / 31)
    summary = json.loads((files / "out" / "summary.json").read_text())
    assert (summary["command"], summary["seeds"], summary["cluster"]) == ("cluster", ["a2"], 6)


def test_labels_several_seeds_and_parquet(files):
    options = ("--seed-node", "a2", "--seed-node", "a0", "--size-hint", "6", "--table", "parquet", "--quiet")
    assert run(files, "--labels", str(files / "labels.csv"), *options) == 0
    table = pd.read_parquet(files / "out" / "cluster.parquet").set_index("node")
    assert table["seed"].sum() == 2
    assert table["label"].get("a1") == 1
    assert run(files, *options) == 0  # the folder may be written again
    assert "label" not in pd.read_parquet(files / "out" / "cluster.parquet")


def test_conductance_with_labels_is_that_of_the_whole_graph(tmp_path, capsys):
    network = graph("karate")
    edges = sparse.coo_array(sparse.triu(network.adjacency))
    (tmp_path / "karate.csv").write_text("\n".join(f"{a},{b}" for a, b in zip(edges.row, edges.col, strict=True)))
    (tmp_path / "labels.csv").write_text("0,1\n")
    options = ("--seed-node", "0", "--size-hint", "5", "--labels", str(tmp_path / "labels.csv"), "--table", "parquet")
    assert run(tmp_path, *options, graph="karate.csv") == 0
    inside = np.zeros(34, dtype=bool)
    inside[[int(node) for node in nodes(tmp_path, "parquet")]] = True
    one = np.arange(34) == 0
    weights = network.adjacency.toarray() * np.where(one[:, None] == one, 1.0, 0.05)
    cut, volume = weights[inside][:, ~inside].sum(), weights[inside].sum()
    expected = cut / min(volume, weights.sum() - volume)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["conductance"] == pytest.approx(expected)
    assert (inside.sum(), round(expected, 3)) == (17, 0.311)


def test_nothing_but_the_folder_is_said_with_quiet(files, monkeypatch, capsys):
    monkeypatch.setattr("netopsy.cli.progress.shown", lambda: pytest.fail("progress is shown"))
    assert run(files, "--seed-node", "a2", "--size-hint", "6", "--quiet") == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(files / "out")
    assert not told.err


def test_a_run_cut_short_may_be_repeated(files, monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("no more disk")

    with monkeypatch.context() as context:
        context.setattr("netopsy.cli.outputs.Results.figure", fail)
        with pytest.raises(RuntimeError):
            run(files, "--seed-node", "a2", "--size-hint", "6")
    assert not (files / "out").exists()
    assert run(files, "--seed-node", "a2", "--size-hint", "6") == 0
    assert json.loads((files / "out" / "summary.json").read_text())["finished"]


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
@pytest.mark.parametrize("command", ["cluster", "orbits", "sparsify", "predict-links"])
def test_seeds_that_not_every_generator_takes_are_refused_before_any_work(files, command, seed, capsys):
    options = ["--seed-node", "a2", "--size-hint", "6"] if command == "cluster" else []
    arguments = [command, str(files / "two.csv"), "--out", str(files / "out"), "--seed", seed, *options]
    assert main(["graph", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"netopsy: --seed must be from 0 to 4294967295, got {seed}"
    assert not (files / "out").exists()


def test_a_large_graph_is_drawn_around_the_cluster(files):
    ring = nx.cycle_graph(3000)
    ring.add_edges_from(nx.complete_graph(10).edges)
    nx.write_edgelist(ring, files / "ring.txt", data=False)
    assert run(files, "--seed-node", "3", "--size-hint", "10", graph="ring.txt") == 0
    assert set(nodes(files)) >= set(range(10))  # and some of the ring: few edges leave a long piece
    assert len(nodes(files)) < 50
    assert (files / "out" / "cluster.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seed-node", "a2"), "give one of --size-hint and --volume-hint"),
        (("--seed-node", "a2", "--size-hint", "6", "--volume-hint", "9"), "give one of"),
        (("--seed-node", "c1", "--size-hint", "6"), "--seed-node: unknown node 'c1': did you mean"),
        (("--seed-node", "a2", "--size-hint", "-1"), "--size-hint must be a positive number"),
        (
            ("--seed-node", "a2", "--size-hint", "60"),
            "--size-hint must be at most 10.9 for a graph of 12 nodes",
        ),
        (("--seed-node", "a2", "--volume-hint", "60"), "--volume-hint must be at most 41.3 for a graph of 62 ends"),
        (("--seed-node", "a2", "--size-hint", "6", "--eps", "-1"), "--eps must be a number from 0 on"),
        (("--seed-node", "a2", "--size-hint", "6", "--labels", "none.csv"), "does not exist"),
        (("--seed-node", "a2", "--size-hint", "6", "--table", "xls"), "unknown table format 'xls'"),
    ],
)
def test_bad_options_are_told_in_one_line(files, options, said, capsys):
    assert run(files, *options) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert said in told[0]
    assert not (files / "out").exists()


def test_labels_of_names_with_separators(tmp_path):
    names = ["Smith, John", 'the "boss"', "New York", "C#"]
    quoted = ['"Smith, John"', '"the ""boss"""', "New York", "C#"]
    (tmp_path / "labels.csv").write_text("node,label\n" + "".join(f"{name},1\n" for name in quoted) + "# the end\n")
    (tmp_path / "blank.txt").write_text('"Smith, John" 1\nNew York 1  # maybe\n')
    known = {name: number for number, name in enumerate(names)}
    assert read_labels(tmp_path / "labels.csv", known).tolist() == [1, 1, 1, 1]
    assert read_labels(tmp_path / "blank.txt", known).tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a0,2\na1,1\na2,3\n", "not a node and 0 or 1: 'a0,2'"),
        ("a0 1\nz9 1\n", "unknown node 'z9'"),
        ("", "holds no label"),
        ("a0,1,1\n", "not a node and 0 or 1"),
    ],
)
def test_bad_labels_are_told(files, text, said, capsys):
    (files / "bad.csv").write_text(text)
    assert run(files, "--seed-node", "a2", "--size-hint", "6", "--labels", str(files / "bad.csv")) == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def path(tmp_path):
    """1-2-3-4-5, as Matrix Market counts."""
    io.mmwrite(tmp_path / "path.mtx", sparse.coo_matrix(nx.to_scipy_sparse_array(nx.path_graph(5), dtype=float)))
    return tmp_path / "path.mtx"


@pytest.mark.parametrize("node", ["1", "5"])
def test_the_seed_of_a_matrix_is_the_node_of_that_number(path, node):
    out = path.parent / "out"
    assert run(path.parent, "--seed-node", node, "--size-hint", "2", graph=path.name) == 0
    table = pd.read_csv(out / "cluster.csv", dtype=str)
    assert table.node[table.seed == "1"].tolist() == [node]


def test_no_node_is_called_0(path, capsys):
    assert run(path.parent, "--seed-node", "0", "--size-hint", "2", graph=path.name) == 2
    assert "unknown node '0'" in capsys.readouterr().err
