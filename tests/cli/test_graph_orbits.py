"""`netopsy graph orbits`, as a person and as a program would use it."""

import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image
from scipy import io, sparse

from netopsy.cli import graph as group
from netopsy.cli import main
from netopsy.data.graphs import Graph, graph
from netopsy.graphs.graphlet_orbits import KEYS, graphlet_degree_vectors, orbit_adjacency
from netopsy.graphs.graphlet_orbits.pictures import coloured_layouts, distributions


@pytest.fixture
def karate(tmp_path):
    """The karate club as an edge list, and the folder it is in."""
    path = tmp_path / "club.csv"
    edges = sparse.coo_array(sparse.triu(graph("karate").adjacency))
    path.write_text("\n".join(f"{a},{b}" for a, b in zip(edges.row, edges.col, strict=True)))
    return path


def told(capsys, *arguments):
    code = main(["graph", "orbits", *map(str, arguments)])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_everything_is_written_and_can_be_read_again(karate, tmp_path, capsys):
    out = tmp_path / "new" / "found"
    code, said, err = told(capsys, karate, "--out", out)
    assert code == 0
    assert not err
    assert "34 nodes, 78 edges" in said
    assert "1,098" in said
    network = graph("karate")
    for key in KEYS:
        read = sparse.load_npz(out / "orbit_{}_{}_{}.npz".format(*key))
        assert (read != orbit_adjacency(network, key)).nnz == 0
    vectors = pd.read_csv(out / "degree_vectors.csv")
    assert vectors["node"].tolist() == list(range(34))
    assert np.array_equal(vectors.iloc[:, 1:], graphlet_degree_vectors(network))
    assert Image.open(out / "orbits.png").size[0] > 1000
    summary = json.loads((out / "summary.json").read_text())
    assert summary["graphlets"]["claw"] == 1098
    assert len(summary["matrices"]) == 28
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_the_same_command_writes_its_folder_again(karate, tmp_path, capsys):
    out = tmp_path / "found"
    assert told(capsys, karate, "--out", out, "--keys", "1-3-3,3-4-4", "--table", "parquet")[0] == 0
    assert {path.name for path in out.glob("*.npz")} == {"orbit_1_3_3.npz", "orbit_3_4_4.npz"}
    assert len(pd.read_parquet(out / "degree_vectors.parquet")) == 34
    code, said, _ = told(capsys, out / "orbit_1_3_3.npz", "--out", tmp_path / "again", "--keys", "none", "--quiet")
    assert code == 0
    assert said.strip() == str(tmp_path / "again")  # a matrix that was written is a graph that is read, weights aside
    assert told(capsys, karate, "--out", out, "--keys", "none")[0] == 0
    assert not list(out.glob("*.npz"))
    assert {path.name for path in out.iterdir()} == {
        "degree_vectors.csv",
        "orbits.png",
        "orbits.svg",
        "summary.json",
    }


def test_weights_are_left_aside_and_that_is_said(tmp_path, capsys):
    (tmp_path / "weighted.txt").write_text("a b 2.5\nb c 1\nc a 3\n")
    code, _, err = told(capsys, tmp_path / "weighted.txt", "--out", tmp_path / "found", "--keys", "none")
    assert code == 0
    assert "weights of the edges are left aside" in err
    assert pd.read_csv(tmp_path / "found" / "degree_vectors.csv")["orbit_3"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "does not exist"),
        (["club.csv", "--keys", "3-3"], "--keys must be"),
        (["club.csv", "--keys", "1-0-1"], "--keys must be"),
        (["club.csv", "--keys", ""], "--keys must be"),
        (["club.csv", "--table", "xlsx"], "unknown table format 'xlsx'"),
        (["club.csv", "--threads", "0"], "--threads"),
        (["club.csv", "--seed", "-1"], "--seed"),
        (["club.csv", "--out", "club.csv"], "is a file"),
        (["club.csv", "--out", "club.csv/below"], "is a file"),
        (["club.csv", "--out", "precious"], "left as it is"),
        (["broken.csv"], "does not name two nodes"),
        (["loop.csv"], "holds no edge"),
        (["club.docx"], "graph file ending"),
        ([], "FILE"),
    ],
)
def test_bad_input_is_one_sentence_and_touches_nothing(karate, arguments, said, capsys, monkeypatch):
    here = karate.parent
    monkeypatch.chdir(here)
    (here / "precious").mkdir()
    (here / "precious" / "thesis.tex").write_text("years of work")
    (here / "broken.csv").write_text("1,2\n3\n")
    (here / "loop.csv").write_text("1,1\n")
    (here / "club.docx").write_text("no graph")
    before = sorted(here.rglob("*"))
    code, out, err = told(capsys, *arguments)
    assert code == 2
    assert not out
    (line,) = err.splitlines()
    assert line.startswith("netopsy: ")
    assert said in line
    assert sorted(here.rglob("*")) == before


def test_the_group_takes_more_commands_and_helps_without_one(capsys):
    assert all(hasattr(command, "register") for command in group.COMMANDS)
    main(["graph", "--help"])
    assert "orbits" in capsys.readouterr().out


def test_pictures_of_graphs_of_all_sizes():
    small = graph("florentine")
    drawn = coloured_layouts(small, graphlet_degree_vectors(small)[:, :2], ["a", "b"])
    assert isinstance(drawn, Figure)
    assert [text.get_text() for text in drawn.axes[0].texts] == list(small.nodes)
    tree = nx.to_scipy_sparse_array(nx.star_graph(300), dtype=float)
    vectors = graphlet_degree_vectors(Graph(tree))
    panels = distributions(vectors, [str(orbit) for orbit in range(15)]).axes
    assert len(panels) == 15
    assert [text.get_text() for text in panels[14].texts] == ["none"]
    assert panels[0].lines[0].get_ydata()[0] == 1.0


def test_nodes_are_called_as_in_the_file(tmp_path, capsys):
    path = tmp_path / "path.mtx"
    io.mmwrite(path, sparse.coo_matrix(nx.to_scipy_sparse_array(nx.path_graph(5), dtype=float)))
    assert told(capsys, path, "--keys", "none", "--out", tmp_path / "orbits")[0] == 0
    vectors = pd.read_csv(tmp_path / "orbits" / "degree_vectors.csv", dtype=str)
    assert vectors.node.tolist() == ["1", "2", "3", "4", "5"]
    assert vectors.orbit_0.tolist() == ["1", "2", "2", "2", "1"]
