"""A network and images from a command line: whatever holds images, as pixels, with the network that takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from netopsy import InputError
from netopsy.cli.network import device_named, numbers, pictured
from netopsy.examination.preprocessing import Preprocessing

FACTORY = """
from torch import nn
def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
def single():
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 1))
"""
OPTIONS = {"weights": None, "labels": None, "shown": Preprocessing(size=4, channels=1), "limit": 10}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "toy_networks.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for folder in (tmp_path / "flat", tmp_path / "sorted" / "cat", tmp_path / "sorted" / "dog"):
        folder.mkdir(parents=True)
        for number in range(2):
            Image.new("L", (6, 6), 60 * number).save(folder / f"{number}.png")
    return tmp_path


def test_a_file_a_flat_folder_and_classes_in_subfolders(here: Path) -> None:
    one = pictured(str(here / "flat" / "1.png"), model="toy_networks:make", **OPTIONS)
    assert (one.images.shape, one.names, one.labels) == ((1, 1, 4, 4), ("1.png",), None)
    torch.testing.assert_close(one.images, torch.full((1, 1, 4, 4), 60 / 255))
    flat = pictured(str(here / "flat"), model="toy_networks:make", **OPTIONS)
    assert flat.names == ("0.png", "1.png")
    classes = pictured(str(here / "sorted"), model="toy_networks:make", **OPTIONS)
    assert classes.labels is not None
    assert sorted(classes.labels.tolist()) == [0, 0, 1, 1]
    assert classes.classes == ("cat", "dog")


def test_the_standardisation_is_inside_the_network(here: Path) -> None:
    plain = pictured(str(here / "flat"), model="toy_networks:make", **OPTIONS)
    shown = Preprocessing(size=4, channels=1, mean=(0.5,), std=(0.25,))
    inside = pictured(str(here / "flat"), model="toy_networks:make", **{**OPTIONS, "shown": shown})
    torch.testing.assert_close(inside.images, plain.images)
    torch.testing.assert_close(inside.model(inside.images), plain.model((plain.images - 0.5) / 0.25))


def test_without_a_network_it_is_the_one_that_is_examined_by_default() -> None:
    found = pictured(None, model=None, **{**OPTIONS, "limit": 4})
    assert found.labels is not None
    assert found.images.shape == (4, 1, 8, 8)
    assert (found.model(found.images).argmax(1) == found.labels).sum() >= 3


@pytest.mark.parametrize(
    ("source", "given", "words"),
    [
        ("none.png", {"model": "toy_networks:make"}, "there is no image or folder 'none.png'"),
        (None, {"model": "toy_networks:make"}, "an image, or a folder of them, is needed"),
        ("flat", {"model": None}, "flat needs --model"),
        ("flat", {"model": None, "weights": Path("w.pt")}, "--weights needs --model"),
        ("flat", {"model": "toy_networks:single"}, "two classes or more"),
        ("flat", {"model": "toy_networks:make", "shown": Preprocessing()}, "do not go through the network"),
        ("toy_networks.py", {"model": "toy_networks:make"}, "cannot be read as an image"),
    ],
)
def test_what_does_not_fit_is_named(here: Path, source: str | None, given: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        pictured(source, **{**OPTIONS, **given})


def test_numbers_and_devices() -> None:
    assert numbers("--mean", "0.5,1") == (0.5, 1.0)
    with pytest.raises(InputError, match="--mean must be numbers"):
        numbers("--mean", "0.5;1")
    assert device_named("cpu").type == "cpu"
    with pytest.raises(InputError, match="--device must be"):
        device_named("toaster")
