"""`netopsy run` on samples and files, what it refuses, and that it leaves a folder whole or not at all."""

import json

import pytest

from netopsy.cli import main
from netopsy.core.finding import Finding
from netopsy.lab.recipes import GRAPH, IMAGE, NETWORK, Option, PaperRecipe


def _counted(graph, *, seed, times):
    if times == 13:
        raise KeyboardInterrupt
    return Finding(f"It has {len(graph)} nodes, seed {seed}, times {times}.", "Count them.", table=(("a",), ("b",)))


def _named(network, *, seed):
    count = sum(each.numel() for each in network.model.parameters())
    return Finding(f"It is a {type(network.model).__name__} with {count} numbers.", "x")


def _wide(picture, *, seed):
    return Finding(f"It is {picture.pixels.shape[2]} pixels wide and called {picture.called}.", "x")


COUNTED = PaperRecipe("toy", "A toy", "x", (GRAPH,), _counted, options=(Option("times", "How often", 2, low=1.0),))
NAMED = PaperRecipe("toy", "A toy", "x", (NETWORK,), _named)
WIDE = PaperRecipe("toy", "A toy", "x", (IMAGE,), _wide)


@pytest.fixture(autouse=True)
def _here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    recipes = {"toy:COUNTED": COUNTED, "toy:NAMED": NAMED, "toy:WIDE": WIDE}
    monkeypatch.setattr("netopsy.web.runs.carry_out.recipe_named", recipes.__getitem__)


def test_the_first_sample_is_taken_where_nothing_is_said(tmp_path, capsys):
    assert main(["run", "toy:COUNTED", "--seed", "3"]) == 0
    assert capsys.readouterr().out.startswith("It has 34 nodes, seed 3, times 2.\n")
    told = json.loads((tmp_path / "run" / "result.json").read_text())
    assert told["findings"][0]["sentence"] == "It has 34 nodes, seed 3, times 2."
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["finished"], summary["files"]) == (True, ["result.json", "table-1.csv"])


def test_files_samples_and_options_are_taken(tmp_path, capsys):
    (tmp_path / "mine.csv").write_text("a,b\nb,c\n")
    assert main(["run", "toy:COUNTED", "--input", "mine.csv", "--option", "times=5", "--out", "x"]) == 0
    assert "It has 3 nodes, seed 0, times 5." in capsys.readouterr().out
    assert main(["run", "toy:COUNTED", "--sample", "les_miserables", "--out", "x"]) == 0
    assert "It has 77 nodes" in capsys.readouterr().out
    from PIL import Image
    from safetensors.torch import save_file

    from netopsy.models import mlp

    save_file(mlp([64, 10]).state_dict(), tmp_path / "w.safetensors")
    weights = ["run", "toy:NAMED", "--input", "w.safetensors"]
    assert main([*weights, "--network", "mlp", "--sizes", "sizes=64 10"]) == 0
    assert "with 650 numbers" in capsys.readouterr().out
    assert main(weights) == 2
    assert "weights need --network ARCHITECTURE" in capsys.readouterr().err
    Image.new("L", (7, 5)).save(tmp_path / "mine.png")
    assert main(["run", "toy:WIDE", "--input", "mine.png"]) == 0
    assert main(["run", "toy:WIDE", "--sample", "a seven"]) == 0
    said = capsys.readouterr().out
    assert "It is 7 pixels wide and called your picture." in said
    assert "It is 8 pixels wide and called a seven." in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sample", "nobody"], "cannot be run on 'nobody'; it takes graph: .csv"),
        (["--input", "x.png"], "cannot be run on 'x.png'"),
        (["--input", "x.csv"], "there is no file of graph"),
        (["--option", "times"], "--option must be name=value"),
        (["--option", "times=0"], "times must be a whole number from 1"),
        (["--option", "other=1"], "unknown option of toy 'other'"),
        (["--out", "taken"], "it is not empty and holds no result of run"),
    ],
)
def test_what_does_not_fit_is_one_sentence_and_nothing_is_written(tmp_path, capsys, arguments, message):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("x")
    assert main(["run", "toy:COUNTED", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_a_recipe_that_there_is_none_of(capsys, monkeypatch):
    monkeypatch.undo()
    for name in ("nowhere", "no.module:RECIPE", "json:loads", ":"):
        assert main(["run", name]) == 2
    assert "unknown recipe 'nowhere'" in capsys.readouterr().err


def test_slots_are_counted(capsys):
    assert main(["worker", "--slots", "0"]) == 2
    assert main(["serve", "--slots", "65"]) == 2
    assert capsys.readouterr().err.count("--slots must be from") == 2
