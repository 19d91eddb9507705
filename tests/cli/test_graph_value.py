import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from netopsy.cli import main
from netopsy.graphs.graph_valuation import GraphValuation
from netopsy.lab.errors import StorageError

KARATE = nx.karate_club_graph()
ROWS = np.random.default_rng(0).normal(size=(34, 4)) * [3, 2, 1, 1]


def run(*arguments):
    return main(["graph", "value", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    copy = nx.relabel_nodes(KARATE, {node: (7 * node + 3) % 34 for node in KARATE})
    graphs = {"karate": KARATE, "copy": copy, "ring": nx.cycle_graph(40)}
    for name, network in graphs.items():
        (tmp_path / f"{name}.csv").write_text("".join(f"{a},{b}\n" for a, b in network.edges))
    table = pd.DataFrame(ROWS, columns=list("abcd"))
    table.assign(node=range(34)).to_csv(tmp_path / "karate_x.csv", index=False)
    (3 * table).assign(node=range(34)).to_csv(tmp_path / "copy_x.csv", index=False)
    np.save(tmp_path / "ring_x.npy", np.random.default_rng(1).normal(size=(40, 4)))
    return tmp_path


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_values_messages_and_picture_are_written(files, form, capsys):
    out = files / "values"
    graphs = [files / "karate.csv", files / "copy.csv", files / "ring.csv"]
    features = [("--features", files / name) for name in ("karate_x.csv", "copy_x.csv", "ring_x.npy")]
    flags = [part for pair in features for part in pair]
    for _ in range(2):  # the folder may be written again
        assert run(*graphs, *flags, "--out", out, "--table", form) == 0
    printed = capsys.readouterr().out
    assert "relevance" in printed
    file = out / f"values.{form}"
    table = pd.read_csv(file) if form == "csv" else pd.read_parquet(file)
    assert table["seller"].tolist() == ["copy", "ring"]
    assert table["nodes"].tolist() == [34, 40]
    assert table["relevance"][0] == pytest.approx(1 / 9)
    assert table["disparity"][0] < table["disparity"][1]
    assert (out / "values.svg").stat().st_size > 5000
    assert (out / "values.png").stat().st_size > 5000
    summary = json.loads((out / "summary.json").read_text())
    assert summary["proxy_size"] == 40
    assert summary["messages"][1] == "buyer -> broker: roots [1, 40, 33], variances [4], directions [4, 4]"


def test_without_features_only_the_structure(files, capsys):
    out = files / "values"
    assert run(files / "karate.csv", files / "ring.csv", "--out", out, "--seed", 5) == 0
    assert "relevance" not in capsys.readouterr().out
    found = pd.read_csv(out / "values.csv")
    expected = GraphValuation(40, seed=5).value(nx.to_numpy_array(KARATE, weight=None), [nx.cycle_graph(40)])[0]
    assert found["disparity"][0] == pytest.approx(expected.disparity)
    assert found["relevance"].isna().all()


def test_signals_and_quiet(files, capsys):
    out = files / "values"
    assert run(files / "karate.csv", files / "ring.csv", "--out", out, "--signals", 16, "--quiet") == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert pd.read_csv(out / "values.csv")["disparity_error"][0] > 0


def test_files_of_one_name_are_told_apart(files):
    (files / "more").mkdir()
    (files / "more" / "ring.csv").write_text("0,1\n1,2\n")
    assert run(files / "karate.csv", files / "ring.csv", files / "more" / "ring.csv", "--out", files / "values") == 0
    names = pd.read_csv(files / "values" / "values.csv")["seller"].tolist()
    assert names == [str(files / "ring.csv"), str(files / "more" / "ring.csv")]
    assert run(files / "karate.csv", files / "ring.csv", files / "ring.csv", "--out", files / "values") == 0
    ring = str(files / "ring.csv")
    assert pd.read_csv(files / "values" / "values.csv")["seller"].tolist() == [ring, f"{ring} (2)"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["karate.csv", "none.csv"], "does not exist"),
        (["karate.csv", "copy.csv", "--features", "karate_x.csv"], "once for each of the 2 graphs"),
        (
            ["karate.csv", "ring.csv", "--features", "karate_x.csv", "--features", "copy_x.csv"],
            "has no row for node '34'",
        ),
        (["karate.csv", "copy.csv", "--matcher", "magic"], "unknown matcher 'magic'"),
        (["karate.csv", "copy.csv", "--signals", "2"], "signals must be None or a whole number from 8 to 10,000"),
        (["karate.csv", "copy.csv", "--signals", "1000000000"], "from 8 to 10,000"),
        (["karate.csv", "copy.csv", "--proxy-size", "20"], "buyer has 34 nodes, more than the proxy, 20"),
        (["karate.csv", "copy.csv", "--proxy-size", "20000"], "at most 5,000 nodes"),
        (["karate.csv", "copy.csv", "--smooth", "-1"], "smooth must be"),
        (["karate.csv", "copy.csv", "--table", "xls"], "unknown table format 'xls'"),
        (["karate.csv", "copy.csv", "--seed", "-1"], "--seed must"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(files, arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(files)
    assert run(*arguments, "--out", "values") == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (files / "values").exists()


def test_results_that_cannot_be_kept_are_one_sentence(files, capsys, monkeypatch):
    def full(*_):
        raise StorageError(28, "cannot write values.csv: No space left on device")

    monkeypatch.setattr("netopsy.cli.outputs.Results.table", full)
    assert run(files / "karate.csv", files / "copy.csv", "--out", files / "values") == 1
    assert capsys.readouterr().err == "netopsy: cannot write values.csv: No space left on device\n"


def test_a_folder_of_something_else_is_left_alone(files, capsys):
    (files / "values").mkdir()
    (files / "values" / "letter.txt").write_text("dear")
    assert run(files / "karate.csv", files / "copy.csv", "--out", files / "values") == 2
    assert "left as it is" in capsys.readouterr().err
    assert (files / "values" / "letter.txt").read_text() == "dear"
