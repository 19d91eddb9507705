"""`netopsy compare` as a person would use it."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from netopsy.cli import main

NETS = """
import torch
from netopsy.models import small_conv_net

class ByBrightness(torch.nn.Module):
    # class 1 where the image is brighter than the cut

    def __init__(self, cut=0.5):
        super().__init__()
        self.cut = torch.nn.Parameter(torch.tensor(cut))

    def forward(self, inputs):
        above = 20 * (inputs.mean((1, 2, 3)) - self.cut)
        return torch.stack([-above, above], 1)

def middle():
    return ByBrightness()

def late():
    return ByBrightness(0.8)

def seven():
    return small_conv_net((4, 4), (1, 2), classes=7)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Forty images, half of them dark and half of them bright."""
    (tmp_path / "compared_networks.py").write_text(NETS)
    random = np.random.default_rng(0)
    for name, low in (("dark", 10), ("light", 150)):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(low, low + 90, (8, 8)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:02}.png")
    save_file({"cut": torch.tensor(0.5)}, tmp_path / "a.safetensors")
    save_file({"cut": torch.tensor(0.82)}, tmp_path / "b.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


OWN = ["compared_networks:middle", "compared_networks:late", "--data", "images", "--channels", "1", "--size", "8"]


def test_two_networks_of_ones_own(here, capsys):
    assert main(["compare", *OWN]) == 0
    said = capsys.readouterr().out
    assert "B answers 50.0 % right and A 100.0 %" in said
    assert "comparison/report.html" in said
    told = json.loads((here / "comparison" / "report.json").read_text())
    assert told["differences"]["accuracy"]["value"] == -50
    assert told["facts"]["A"] == "compared_networks:middle"
    rows = (here / "comparison" / "changes.csv").read_text().splitlines()
    assert len(rows) == 21
    assert rows[1].split(",")[-1] == "A"
    assert "light" in rows[1]


def test_a_limit_decides_the_exit_code_and_the_report_is_written_all_the_same(here, capsys):
    only = ["--instruments", "answers", "--quiet"]
    assert main(["compare", *OWN, *only, "--fail-if", "accuracy < -0.5", "--fail-if", "parameters > 5"]) == 1
    output = capsys.readouterr()
    assert output.err.strip() == "netopsy: accuracy: -50 points, and the limit was accuracy < -0.5"
    assert (here / output.out.strip()).is_file()
    assert main(["compare", *OWN, *only, "--fail-if", "accuracy < -60, agreement < 40"]) == 0


def test_two_files_of_weights_of_one_network(here, capsys):
    same = ["--data", "images", "--channels", "1", "--instruments", "answers", "--quiet"]
    assert main(["compare", "a.safetensors", "b.safetensors", "--model", "compared_networks:middle", *same]) == 0
    first = json.loads((here / "comparison" / "report.json").read_text())["differences"]
    spelled = ["compared_networks:middle=a.safetensors", "compared_networks:late=b.safetensors"]
    assert main(["compare", *spelled, *same]) == 0
    assert json.loads((here / "comparison" / "report.json").read_text())["differences"] == first
    assert first["accuracy"]["value"] == -50


def test_without_networks_it_compares_two_seeds(here, capsys):
    assert main(["compare", "--instruments", "answers,line", "--limit", "100", "--out", "two.html"]) == 0
    assert "ridge" in capsys.readouterr().out
    assert (here / "two.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compared_networks:middle"], "two networks are needed"),
        (["compared_networks:middle", "compared_networks:late"], "A and B need --data"),
        ([*OWN, "--fail-if", "accuracy"], "a limit must be like 'accuracy < -0.5'"),
        ([*OWN, "--fail-if", ""], "a limit must be like"),
        ([*OWN, "--fail-if", "parameters.low > 1"], "parameters has no interval"),
        ([*OWN, "--fail-if", "speed > 1"], "unknown difference 'speed'"),
        ([*OWN, "--instruments", "saliency"], "unknown instrument 'saliency'"),
        ([*OWN, "--depth", "deep"], "unknown depth 'deep'"),
        ([*OWN, "--budget", "0"], "--budget must be a positive"),
        ([*OWN, "--interpolation", "best"], "unknown interpolation 'best'"),
        (["a.safetensors", "b.safetensors", "--data", "images"], "'a.safetensors' names no network"),
        (["a.safetensors", "none", "--model", "compared_networks:middle", "--data", "images"], "none"),
        (["--model", "compared_networks:middle"], "--model needs A and B"),
        (["--data", "images"], "--data images needs A and B"),
        (["compared_networks:middle", "compared_networks:seven", "--data", "images", "--channels", "1"], "7 outputs"),
        (["compared_networks:middle", "nowhere:late", "--data", "images"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(here, arguments, says, capsys):
    assert main(["compare", *arguments]) == 2
    output = capsys.readouterr()
    assert says in output.err
    assert len(output.err.strip().splitlines()) == 1
    assert not output.out
    assert not (here / "comparison").exists()
