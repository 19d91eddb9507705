"""``netopsy prune``, as a user calls it."""

import json

import pandas as pd
import pytest
from safetensors.torch import load_file

from netopsy.cli import main

NETWORKS = """
from torch import nn

def perceptron():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))

def single():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
"""
OWN = ("--model", "pruned_networks:perceptron", "--train", "digits", "--data", "digits", "--workers", "0")
QUICK = ("--recipe", "steps=12,lr=0.01", "--limit", "200")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pruned_networks.py").write_text(NETWORKS, "utf-8")
    return tmp_path


def told(capsys, *arguments):
    code = main(["prune", *arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_a_comparison_goes_on_where_it_was_and_saves_what_loads_again(folder, capsys):
    few = ("--methods", "snip,random-search", "--sparsity", "0.5,0.8", *QUICK)
    code, out, err = told(capsys, *OWN, *few, "--seeds", "1", "--quiet")
    assert (code, out) == (0, "pruned\n"), err
    cells = {path: path.stat().st_mtime_ns for path in (folder / "pruned" / "cells").iterdir()}
    assert len(cells) == 1 + 2 * 3
    code, out, err = told(capsys, *OWN, *few, "--seeds", "2", "--save")
    assert code == 0, err
    assert all(path.stat().st_mtime_ns == at for path, at in cells.items())
    table = pd.read_csv(folder / "pruned" / "comparison.csv")
    assert table["method"].tolist() == ["dense", *(2 * ["random", "snip", "random-search"])]
    assert (abs(table["weights kept"] - (1 - table["sparsity"])) < 0.06).all()
    assert table["real"].fillna("").isin(["", "yes", "no"]).all()
    summary = json.loads((folder / "pruned" / "summary.json").read_text("utf-8"))
    assert summary["seeds"] == 2
    best = table[table["sparsity"] == 0.8].sort_values("accuracy", ascending=False, kind="stable")["method"].iloc[0]
    weights = folder / "pruned" / f"{best}-80.safetensors"
    masks = load_file(folder / "pruned" / f"{best}-80.masks.safetensors")
    state = load_file(weights)
    assert all((state[name][~mask] == 0).all() for name, mask in masks.items())
    again = ("--weights", str(weights), "--methods", "magnitude", "--sparsity", "0.5", "--seeds", "1", "--out", "again")
    code, out, err = told(capsys, *OWN, *again, *QUICK)
    assert code == 0, err
    assert (folder / "again" / "figures" / "accuracy.svg").exists()


def test_a_way_that_does_not_fit_is_left_out_unless_it_was_asked_for(folder, capsys):
    single = ("--model", "pruned_networks:single", *OWN[2:], *QUICK, "--seeds", "1", "--sparsity", "0.5")
    code, out, err = told(capsys, *single)
    assert code == 0, err
    assert "note: random-search is left out: the network has no hidden units" in err
    assert "random-search" not in out
    code, out, err = told(capsys, *single, "--methods", "random-search", "--out", "other")
    assert (code, out) == (2, "")
    assert "no hidden units" in err
    assert not (folder / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sparsity", "1.5"), "a sparsity must be between 0 and 1, got 1.5"),
        (("--sparsity", "half"), "--sparsity must be shares between 0 and 1"),
        (("--sparsity", "0.5,0.5"), "sparsities must name each but once"),
        (("--methods", "magic"), "unknown method 'magic'"),
        (("--seeds", "0"), "seeds must be at least 1, got 0"),
        (("--limit", "0"), "--limit must be at least 1, got 0"),
        (("--recipe", "steps=3"), "3 steps are too few for 3 rounds of pruning"),
        (("--rounds", "0"), "rounds must be an int of at least 1, got 0"),
        (("--train", "lfw"), "--train and --data need --model"),
        (("--weights", "w.safetensors"), "--weights needs --model"),
        (("--model", "pruned_networks:perceptron"), "--model needs --train and --data"),
        (("--out", "pruned_networks.py"), "out must be a new folder"),
        (("--sparsity", "0.99999"), "would leave none of the network's"),
    ],
)
def test_bad_input_is_one_sentence(folder, capsys, arguments, message):
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == ["pruned_networks.py"]
