import csv
import json
import signal

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from netopsy.cli import main
from netopsy.data.graph_files import read_graph


@pytest.fixture
def karate(tmp_path):
    file = tmp_path / "karate.csv"
    file.write_text("source,target\n" + "\n".join(f"{a},{b}" for a, b in nx.karate_club_graph().edges))
    return file


def test_writes_links_measures_and_a_picture(karate, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["graph", "predict-links", str(karate), "--top", "7", "--epochs", "2", "--out", str(out)]) == 0
    links = pd.read_csv(out / "missing_links.csv")
    assert list(links.columns) == ["source", "target", "probability", "common_neighbours"]
    assert len(links) == 7
    network = nx.karate_club_graph()
    for source, target, _, common in links.itertuples(index=False):
        assert not network.has_edge(source, target)
        assert len(list(nx.common_neighbors(network, source, target))) == common > 0
    assert (np.diff(links["probability"]) <= 1e-9).all()
    held = pd.read_csv(out / "held_out.csv")
    assert list(held["model"]) == ["common neighbours", "Adamic-Adar", "resource allocation", "GAE", "NCN"]
    assert held["AUC"].between(0, 1).all()
    assert (out / "links.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "summary.json").read_text())["held_out"]["NCN"]["AUC"] == held["AUC"].iloc[-1]
    said = capsys.readouterr().out
    assert "16 links held out" in said
    assert "resource allocation" in said


def test_parquet_completed_and_quiet(karate, tmp_path, capsys):
    out = tmp_path / "out"
    options = ["--model", "ncnc", "--table", "parquet", "--epochs", "1", "--quiet"]
    assert main(["graph", "predict-links", str(karate), "--out", str(out), *options]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert len(pd.read_parquet(out / "missing_links.parquet")) == 20


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--top", "0"], "--top must be at least 1"),
        (["--model", "gae"], "unknown model"),
        (["--epochs", "0"], "--epochs must be"),
        (["--held-out", "0.9"], "--held-out must be"),
        (["--candidates", "0"], "--candidates must be"),
        (["--seed", "-1"], "--seed must be from 0 to"),
        (["--table", "xlsx"], "unknown table format"),
    ],
)
def test_bad_options_are_named(karate, tmp_path, capsys, options, said):
    assert main(["graph", "predict-links", str(karate), "--out", str(tmp_path / "out"), *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_links_between_nodes_of_any_names_are_read_again(tmp_path):
    network = nx.relabel_nodes(nx.karate_club_graph(), lambda node: f'{node}, the "{node}" # {node}')
    file, out = tmp_path / "odd.csv", tmp_path / "out"
    pd.DataFrame(network.edges, columns=["source", "target"]).to_csv(file, index=False, quoting=csv.QUOTE_ALL)
    assert main(["graph", "predict-links", str(file), "--epochs", "1", "--out", str(out), "--quiet"]) == 0
    table, again = pd.read_csv(out / "missing_links.csv"), read_graph(out / "missing_links.csv")
    assert set(again.nodes) == set(table["source"]) | set(table["target"]) <= set(network)
    assert again.edge_count == len(table) == 20


@pytest.mark.parametrize("network", [nx.complete_graph(12), nx.Graph([(2 * n, 2 * n + 1) for n in range(40)])])
def test_graphs_without_a_candidate_leave_no_folder(network, tmp_path, capsys):
    file = tmp_path / "graph.csv"
    file.write_text("\n".join(f"{a},{b}" for a, b in network.edges))
    assert main(["graph", "predict-links", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "no two nodes with a common neighbour that are not linked" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("before", [False, True])
def test_an_interrupt_in_training_writes_nothing(karate, tmp_path, monkeypatch, before, capsys):
    out = tmp_path / "out"
    arguments = ["graph", "predict-links", str(karate), "--epochs", "1", "--out", str(out), "--quiet"]
    if before:
        assert main(arguments) == 0
    was = sorted(tmp_path.rglob("*"))

    def stop(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("netopsy.graphs.neural_common_neighbor.held_out.fit_link_predictor", stop)
    assert main(arguments) == 130
    assert capsys.readouterr().err.strip() == "netopsy: interrupted"
    assert sorted(tmp_path.rglob("*")) == was


def test_graphs_too_small_are_refused(tmp_path, capsys):
    file = tmp_path / "path.csv"
    file.write_text("0,1\n1,2\n")
    assert main(["graph", "predict-links", str(file), "--out", str(tmp_path / "out")]) == 2
    assert "at least 30 are needed" in capsys.readouterr().err
