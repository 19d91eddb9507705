"""`netopsy attack`: tables, images that really are of another class, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from netopsy.cli import main
from netopsy.robustness.feature_guided_attack import search

FACTORY = """
import torch
from torch import nn

def bright():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    net[1].weight.data = torch.stack([torch.full((64,), 1.0), torch.zeros(64)])
    net[1].bias.data = torch.tensor([0.0, 20.5])
    return net

class Drawn(nn.Module):
    def forward(self, images):
        return torch.randn(len(images), 10)

def drawn():
    torch.manual_seed(0)
    return Drawn()

def constant():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    net[1].weight.data.zero_()
    net[1].bias.data = torch.tensor([0.0, 1.0])
    return net
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two dark images, of 64 pixels, with 16 and 18 white ones: class 0 begins at 20.5."""
    (tmp_path / "attacked_networks.py").write_text(FACTORY)
    (tmp_path / "images").mkdir()
    for name, rows in (("four", 16), ("two", 18)):
        pixels = np.zeros(64, np.uint8)
        pixels[:rows] = 255
        Image.fromarray(pixels.reshape(8, 8)).save(tmp_path / "images" / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run(*options: str, model: str = "bright") -> int:
    return main(["attack", *options, "--model", f"attacked_networks:{model}", "--channels", "1"])


def table(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "images.csv").set_index("image")


def test_each_image_is_changed_by_the_fewest_pixels_and_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("images", "--max-queries", "300") == 0
    found = table(here / "attacked")
    assert found["changed pixels"].to_dict() == {"four.png": 5, "two.png": 3}
    assert found["outcome"].tolist() == ["changed", "changed"]
    assert found["needs every pixel"].all()
    assert found["holds as PNG"].all()
    assert (found["queries"] <= 300).all()
    for name, file in found["file"].items():
        changed = np.asarray(Image.open(here / "attacked" / file), np.int64)
        before = np.asarray(Image.open(here / "images" / str(name)), np.int64)
        assert (changed != before).sum() == found.loc[name, "changed pixels"]
        assert changed.sum() / 255 > 20.5
    records = json.loads((here / "attacked" / "images.json").read_text())
    assert [one["becomes"] for one in records] == ["0", "0"]
    assert (here / "attacked" / "images.png").read_bytes().startswith(b"\x89PNG")
    summary = json.loads((here / "attacked" / "summary.json").read_text())
    assert (summary["command"], summary["changed"], summary["finished_images"]) == ("attack", 2, 2)
    assert "becomes 0 by 5 pixels" in capsys.readouterr().out


@pytest.mark.parametrize("options", [("--player", "adversarial"), ("--mode", "saliency"), ("--norm", "L2")])
def test_other_games_change_it_as_well(here: Path, options: tuple[str, str]) -> None:
    assert run("images/two.png", "--max-queries", "400", *options, "--quiet") == 0
    found = table(here / "attacked").loc["two.png"]
    assert found["outcome"] == "changed"
    assert found["distance"] == pytest.approx(3**0.5 if "L2" in options else 3)


def test_where_nothing_is_found_it_says_so_and_writes_no_image(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("images/two.png", "--max-queries", "90", model="constant") == 0
    found = table(here / "attacked").loc["two.png"]
    assert found["outcome"] == "not found"
    assert pd.isna(found["file"])
    assert not list((here / "attacked").glob("changed-*"))
    assert "stays within" in capsys.readouterr().out


def test_a_label_that_the_network_does_not_give_needs_no_change(here: Path) -> None:
    (here / "names.txt").write_text("light\ndark\n")
    assert run("images/two.png", "--labels", "names.txt", "--label", "light", "--quiet") == 0
    found = table(here / "attacked").loc["two.png"]
    assert (found["outcome"], found["class"], found["becomes"]) == ("wrong already", "light", "dark")
    assert (found["queries"], found["distance"]) == (1, 0)


def test_an_interrupt_leaves_what_was_finished(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import signal

    from netopsy.robustness import feature_guided_attack

    whole, seen = search.feature_guided_search, []

    def interrupted(*arguments, **options):  # type: ignore[no-untyped-def]
        seen.append(1)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGINT)
        return whole(*arguments, **options)

    monkeypatch.setattr(feature_guided_attack, "feature_guided_search", interrupted)
    assert run("images", "--max-queries", "200") == 130
    assert table(here / "attacked").index.tolist() == ["four.png"]
    assert "interrupted; 1 of 2 images were finished" in capsys.readouterr().err


def test_without_a_model_it_attacks_the_network_that_is_examined_by_default(here: Path) -> None:
    assert main(["attack", "--limit", "1", "--max-queries", "60", "--out", "digits", "--quiet"]) == 0
    assert len(table(here / "digits")) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("images", "--norm", "L3"), "unknown --norm 'L3'"),
        (("images", "--player", "me"), "unknown --player 'me'"),
        (("images", "--mode", "x"), "unknown --mode 'x'"),
        (("images", "--max-queries", "0"), "--max-queries must be 1 or more, got 0"),
        (("images", "--stride", "0"), "--stride must be 1 or more, got 0"),
        (("images", "--limit", "-1"), "--limit must be 1 or more, got -1"),
        (("images", "--seed", "-1"), "--seed must not be negative, got -1"),
        (("images", "--label", "7"), "label must be a class number from 0 to 1, got 7"),
        (("images", "--label", "cat"), "--label must be the number of a class"),
        (("nowhere",), "there is no image or folder 'nowhere'"),
        (("images", "--mean", "x"), "--mean must be numbers"),
        (("images", "--out", "images"), "--out 'images' is left as it is"),
    ],
)
def test_bad_input_is_one_sentence(
    here: Path, options: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str], unchecked: None
) -> None:
    assert run(*options) == 2
    errors = capsys.readouterr().err
    assert says in errors
    assert len(errors.strip().splitlines()) == 1
    assert not (here / "attacked").exists()


def test_what_is_no_image_and_what_answers_at_random_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("/dev/zero") == 2
    assert "'/dev/zero' must be an image or a folder of them" in capsys.readouterr().err
    assert run("images", "--max-queries", "100", model="drawn") == 2
    assert "an attack needs one that does not draw at random" in capsys.readouterr().err
    assert not (here / "attacked").exists()
