"""`netopsy verify`: tables, certificates that are replayed, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from netopsy.cli import main

FACTORY = """
import torch
from torch import nn

def brighter():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    net[1].weight.data = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    net[1].bias.data.zero_()
    return net

def other():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2))

def curved():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Sigmoid())
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images of four pixels whose upper half is brighter, by 50 and by 10 grey levels a pixel."""
    (tmp_path / "verified_networks.py").write_text(FACTORY)
    (tmp_path / "images").mkdir()
    for name, gap in (("far", 50), ("near", 10)):
        image = Image.new("L", (2, 2), 100)
        for column in range(2):
            image.putpixel((column, 0), 100 + gap)
        image.save(tmp_path / "images" / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def run(*options: str, model: str = "brighter") -> int:
    return main(["verify", *options, "--model", f"verified_networks:{model}", "--channels", "1"])


@pytest.mark.parametrize("method", ["milp", "smt", "bounds", "grid+cells"])
def test_one_image_is_proved_and_one_is_broken(here: Path, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    dims = ("--dims", "4") if method == "grid+cells" else ()
    assert run("images", "--radius", "0.05", "--method", method, *dims) == 0  # near has a radius of 0.02
    table = pd.read_csv(here / "verified" / "verdicts.csv").set_index("image")
    assert table["verdict"].to_dict() == {"far.png": "safe", "near.png": "unsafe"}
    assert table.loc["near.png", "other class"] == 1
    assert 0 < table.loc["near.png", "largest change"] <= 0.05 + 1e-6
    assert "real arithmetic" in table.loc["far.png", "assumptions"]
    records = json.loads((here / "verified" / "verdicts.json").read_text())
    assert [one["verdict"] for one in records] == ["safe", "unsafe"]
    assert (here / "verified" / "verdicts.png").read_bytes().startswith(b"\x89PNG")
    summary = json.loads((here / "verified" / "summary.json").read_text())
    assert (summary["command"], summary["verdicts"]) == ("verify", {"safe": 1, "unsafe": 1})
    assert "far.png\tsafe" in capsys.readouterr().out


def test_a_grid_says_that_it_looked_at_its_points_alone(here: Path) -> None:
    assert run("images/far.png", "--span", "0.02", "--count", "2", "--dims", "3", "--quiet") == 0
    table = pd.read_csv(here / "verified" / "verdicts.csv")
    assert table["verdict"].tolist() == ["grid-safe"]
    assert table["pixels"].tolist() == [3]
    assert "between the points was not looked at" in table["assumptions"][0]


def test_certificates_are_replayed_on_their_network(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weight = torch.eye(2).repeat_interleave(2, 1).contiguous()
    save_file({"1.weight": weight, "1.bias": torch.zeros(2)}, here / "weights.safetensors")
    assert run("images", "--radius", "0.05") == 0
    for number, status in ((1, "safe"), (2, "unsafe")):
        capsys.readouterr()
        check = ("--check", f"verified/certificate-{number}.safetensors")
        assert run(*check) == 0
        assert f": {status}, as it says" in capsys.readouterr().out
        assert run(*check, "--weights", "weights.safetensors", model="other") == 0
        assert run(*check, model="other") == 2
        assert "network must be the one" in capsys.readouterr().err
    assert run("images/far.png", "--check", "verified/certificate-1.safetensors") == 0
    assert run("images/near.png", "--check", "verified/certificate-1.safetensors") == 2
    assert "pixels are others" in capsys.readouterr().err
    (here / "verified" / "certificate-1.safetensors").write_bytes(b"no certificate")
    assert run("--check", "verified/certificate-1.safetensors") == 2


def test_standardised_images_are_asked_about_as_pixels(here: Path) -> None:
    standardised = ("--mean", "0.5", "--std", "0.25")
    assert run("images", "--radius", "0.05", *standardised) == 0
    assert pd.read_csv(here / "verified" / "verdicts.csv")["verdict"].tolist() == ["safe", "unsafe"]
    assert run("--check", "verified/certificate-1.safetensors", *standardised) == 0
    assert run("--check", "verified/certificate-1.safetensors") == 2


def test_an_interrupt_keeps_what_was_finished(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import signal

    import netopsy.robustness.safety_verification as package

    certify, asked = package.certify, []

    def interrupted(*args, **kwargs):
        asked.append(1)
        if len(asked) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return certify(*args, **kwargs)

    monkeypatch.setattr(package, "certify", interrupted)
    assert run("images", "--radius", "0.05") == 130
    assert pd.read_csv(here / "verified" / "verdicts.csv")["image"].tolist() == ["far.png"]
    assert (here / "verified" / "certificate-1.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--radius", "0.1", "--span", "0.1"), "--radius"),
        (("--radius", "-1"), "--radius"),
        (("--span", "0"), "--span"),
        (("--count", "2"), "--count needs --span"),
        (("--span", "0.1", "--count", "0"), "--count"),
        (("--dims", "none"), "--dims"),
        (("--dims", "5"), "n_dims"),
        (("--method", "magic"), "--method"),
        (("--timeout", "0"), "--timeout"),
        (("--limit", "0"), "--limit"),
        (("--margin", "0"), "margin"),
        (("--check", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--interpolation", "odd"), "interpolation"),
    ],
)
def test_what_cannot_be_used_is_named(
    here: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("images", *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (here / "verified").exists()


def test_a_layer_that_cannot_be_bounded_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("images", model="curved") == 2
    assert "Sigmoid" in capsys.readouterr().err
    assert run("images", "--span", "0.01", "--dims", "2", model="curved") == 0  # a grid takes any network
