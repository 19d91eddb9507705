"""One file for a result: what comes back, and what is refused."""

import json
import os
import pickle
import struct
from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from netopsy import InputError
from netopsy.core import stored


@dataclass(frozen=True, eq=False)
class Inner:
    name: str
    share: float


@dataclass(frozen=True, eq=False)
class Result:
    values: Float[Tensor, "n two"]
    parts: tuple[Inner, ...]
    way: Literal["a", "b"]
    radius: int | None
    table: dict[str, list[int]]


def result():
    random = torch.Generator().manual_seed(0)
    parts = Inner("ünits", 0.1 + 0.2), Inner("", float("inf"))
    return Result(torch.randn(3, 2, generator=random), parts, "b", None, {"x": [1, 2], "y": []})


def test_a_record_comes_back_bit_for_bit(tmp_path):
    path, one = tmp_path / "new" / "it", result()
    stored.write_record(path, "a result", one, records=(Inner,))
    other = stored.read_record(path, "a result", Result, records=(Inner,))
    assert torch.equal(one.values, other.values)
    assert [(each.name, each.share) for each in one.parts] == [(each.name, each.share) for each in other.parts]
    assert (one.way, one.radius, one.table) == (other.way, other.radius, other.table)
    assert os.listdir(path.parent) == ["it"]


def test_an_unfinished_file_replaces_nothing(tmp_path, monkeypatch):
    path = tmp_path / "it"
    stored.write(path, "a number", {"n": 1})

    def fail(*_):
        raise OSError("no space")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(OSError, match="no space"):
        stored.write(path, "a number", {"n": 2})
    assert stored.read(path, "a number") == {"n": 1}
    assert os.listdir(tmp_path) == ["it"]


def refused(path, match):
    with pytest.raises(InputError, match=match) as caught:
        stored.read_record(path, "a result", Result, records=(Inner,))
    assert len(str(caught.value).splitlines()) == 1


def test_every_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "it"
    stored.write_record(path, "a result", result(), records=(Inner,))
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(path, "damaged|cannot be read|something else|in form")
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(path, "cannot be read")


def test_other_files_are_refused_in_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "it"
    refused(path, "there is no file")
    refused(tmp_path, "must be a file, and is a folder")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is a pipe")
    with pytest.raises(InputError, match="is no file"):
        stored.write(tmp_path, "a result", {})
    stored.write(path, "a number", {"n": 1})
    refused(path, "something else than a result")
    save_file({"a": torch.zeros(1)}, path)
    refused(path, "something else than a result")
    stored.write(path, "a result", {"it": 5})
    refused(path, "cannot be read as a result")
    monkeypatch.setattr(stored, "VERSION", "0")
    stored.write_record(path, "a result", result(), records=(Inner,))
    monkeypatch.undo()
    refused(path, "written in form '0', and this netopsy reads form '1'")
    stored.write_record(path, "a result", result(), records=(Inner,))
    monkeypatch.setenv("NETOPSY_MAX_BYTES", "100")
    refused(path, "more than the .* one file may")


def test_nothing_of_a_hostile_file_is_run(tmp_path):
    path, ran = tmp_path / "it", tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(ran),)

    path.write_bytes(pickle.dumps(Bomb()))
    refused(path, "cannot be read")
    torch.save({"it": Bomb()}, path)
    refused(path, "cannot be read")
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    refused(path, "cannot be read")
    assert not ran.exists()
    for packed in (
        {"record": ["Popen", {"mapping": []}]},
        {"record": ["Result", {"mapping": [["values", 1]]}]},
        {"record": ["Inner", {"mapping": [["name", 1], ["share", 0.5]]}]},
        {"tensor": "9"},
        {"mapping": 1},
    ):
        text = json.dumps({"mapping": [["it", packed]]})
        about = {"kind": "a result", "version": stored.VERSION, "content": text}
        save_file({}, path, {**about, "digest": stored._digest("a result", text, {})})
        refused(path, "cannot be read")
    deep = "[" * 100_000
    save_file({}, path, {**about, "content": deep, "digest": stored._digest("a result", deep, {})})
    refused(path, "cannot be read")


@pytest.mark.parametrize(
    ("value", "hint", "fine"),
    [
        (True, int, False),
        (1, float, True),
        (torch.zeros(2), Float[Tensor, "a b"], False),
        (torch.zeros(2, 1), Float[Tensor, "a b"], True),
        (torch.zeros(2, 1).long(), Float[Tensor, "a b"], False),
        ((1, 2), tuple[int, int, int], False),
        ((1, "2"), tuple[int, ...], False),
        ({"a": 1}, dict[str, str], False),
        ("c", Literal["a", "b"], False),
        (1, Literal[True], False),
    ],
)
def test_types_are_told_apart(value, hint, fine):
    assert stored.fits(value, hint) is fine


def test_what_is_no_data_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="a function cannot be saved"):
        stored.write(tmp_path / "it", "a result", {"it": lambda: 0})
    assert not any(tmp_path.iterdir())
