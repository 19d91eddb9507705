"""Weights from files of every kind; nothing in a file is run, and a network gets all of them or none."""

import argparse
import datetime
import io
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from netopsy import InputError
from netopsy.examination.weights import load_weights
from netopsy.models import small_conv_net


def network(seed=0):
    return small_conv_net((3, 4), (1, 2), seed=seed)


@pytest.fixture
def source():
    """A network whose weights and statistics are like nothing a constructor makes."""
    model = network(seed=5)
    with torch.no_grad():
        for value in model.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand(value.shape, generator=torch.Generator().manual_seed(1)))
    return model.eval()


def exported(model, path):
    torch.export.save(torch.export.export(model, (torch.rand(2, 1, 8, 8),)), path)


class Bomb:
    """Pickles into a call that writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


WRITERS = {
    "safetensors": lambda model, path: save_file(model.state_dict(), path),
    "torch.save": lambda model, path: torch.save(model.state_dict(), path),
    "old torch.save": lambda model, path: torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False),
    "checkpoint": lambda model, path: torch.save({"epoch": 3, "state_dict": model.state_dict()}, path),
    "checkpoint under model": lambda model, path: torch.save({"model": model.state_dict(), "loss": 0.5}, path),
    "DataParallel": lambda model, path: torch.save(nn.DataParallel(model).state_dict(), path),
    "compiled": lambda model, path: torch.save({f"_orig_mod.{k}": v for k, v in model.state_dict().items()}, path),
    "Lightning": lambda model, path: torch.save(
        {"state_dict": {f"net.{k}": v for k, v in model.state_dict().items()}}, path
    ),
    "torch.export": exported,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_is_read_whatever_its_name_says(kind, source, tmp_path):
    file = tmp_path / "weights.jpg"
    written = tmp_path / "written.pt2"
    WRITERS[kind](source, str(written))
    written.rename(file)
    model = network()
    load_weights(model, file)
    for name, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted(dtype, source, tmp_path):
    save_file({k: v.to(dtype) if v.is_floating_point() else v for k, v in source.state_dict().items()}, tmp_path / "w")
    model = network()
    load_weights(model, tmp_path / "w")
    assert torch.allclose(model.output.weight, source.output.weight, rtol=1e-2, atol=1e-2)
    assert model.output.weight.dtype == torch.float32


def test_an_export_keeps_types_and_views(tmp_path):
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.rand(4, 3).t())
            for dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16):
                self.register_buffer(f"of_{str(dtype)[6:]}", torch.tensor([[0, 1], [1, 0]]).to(dtype))
            self.register_buffer("long_double", torch.rand(2).double())
            self.register_buffer("brain", torch.rand(3).bfloat16())
            self.register_buffer("none", torch.zeros(0, 3))

        def forward(self, x):
            return x @ self.weight

    source, model = Many(), Many()
    torch.export.save(torch.export.export(source, (torch.rand(2, 3),)), tmp_path / "m.pt2")
    load_weights(model, tmp_path / "m.pt2")
    for name, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
        assert model.state_dict()[name].dtype == value.dtype


def test_tied_weights_and_missing_counters_are_no_fault(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight

    save_file({"a.weight": torch.eye(3)}, tmp_path / "t")
    model = Tied()
    load_weights(model, tmp_path / "t")
    assert torch.equal(model.b.weight, torch.eye(3))
    old = {k: v for k, v in nn.BatchNorm1d(2).state_dict().items() if k != "num_batches_tracked"}
    torch.save(OrderedDict(old, weight=torch.tensor([3.0, 4.0])), tmp_path / "bn")
    norm = nn.BatchNorm1d(2)
    load_weights(norm, tmp_path / "bn")
    assert norm.weight.tolist() == [3, 4]


# What would run code


def rezipped(path, change):
    """Write the archive again with records changed by ``change(name, content)``; ``None`` leaves one out."""
    with zipfile.ZipFile(path) as old:
        records = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for name, content in records.items():
            changed = change(name, content)
            if changed is not None:
                new.writestr(name, changed)


def test_the_bomb_of_these_tests_goes_off_where_it_is_unpickled(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "boom")))
    assert (tmp_path / "boom").exists()


def test_what_training_loops_save_beside_the_tensors_is_passed_over(tmp_path):
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    beside = {
        "args": argparse.Namespace(lr=0.1, out=Path("runs")),
        "best": np.float64(0.5),
        "curve": np.arange(3.0),
        "when": datetime.datetime(2024, 1, 2),
        "at": PurePosixPath("a/b"),
    }
    torch.save({"state_dict": model.state_dict(), "epoch": 3, **beside}, tmp_path / "c.pt")
    load_weights(other, tmp_path / "c.pt")
    assert torch.equal(other.weight, model.weight)


def test_much_out_of_few_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("NETOPSY_MAX_BYTES", "100000")
    torch.save({"weight": torch.zeros(1).expand(10**6), "bias": torch.zeros(2)}, tmp_path / "wide.pt")
    with pytest.raises(InputError, match="NETOPSY_MAX_BYTES"):
        load_weights(nn.Linear(2, 2), tmp_path / "wide.pt")


@pytest.mark.parametrize("how", ["pickle", "newer pickle", "torch.save", "old torch.save", "within weights"])
def test_a_pickle_that_wants_to_run_code_is_refused(how, source, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    file, boom = tmp_path / "w.pt", tmp_path / "boom"
    if how == "pickle":
        file.write_bytes(pickle.dumps(Bomb(boom), protocol=2))
    elif how == "newer pickle":
        file.write_bytes(pickle.dumps(Bomb(boom), protocol=4))
    elif how == "within weights":
        torch.save({**source.state_dict(), "extra": Bomb(boom)}, file)
    else:
        torch.save(Bomb(boom), file, _use_new_zipfile_serialization=how == "torch.save")
    with pytest.raises(InputError, match=r"was refused: .* run ((posix|os|nt)\.system|it,).*no code is run") as told:
        load_weights(network(), file)
    assert "weights_only" not in str(told.value)  # torch's own words advise to switch its caution off
    assert not boom.exists()


def test_a_whole_pickled_network_is_refused_by_the_name_of_its_class(source, tmp_path):
    torch.save(source, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"torch\.nn\.modules\.container\.Sequential.*torch\.save\(model\.state_dict"):
        load_weights(network(), tmp_path / "w.pt")


def bomb_bytes(boom):
    stream = io.BytesIO()
    torch.save(Bomb(boom), stream)
    return stream.getvalue()


def test_bombs_in_an_export_beside_its_weights_are_never_touched(source, tmp_path):
    file, boom = tmp_path / "w.pt2", tmp_path / "boom"
    exported(source, str(file))
    expression = f"__import__('os').system(\"touch '{boom}'\")"

    def change(name, content):
        if "sample_inputs" in name:
            return bomb_bytes(boom)
        if name.endswith("models/model.json"):
            expression_as_size = b'"as_expr": {"expr_str": ' + json.dumps(expression).encode() + b"}}"
            return content.replace(b'"as_int": 2}', expression_as_size)
        return content

    rezipped(file, change)
    model = network()
    load_weights(model, file)
    assert torch.equal(model.output.weight, source.output.weight)
    assert not boom.exists()


def test_a_pickled_weight_within_an_export_is_refused(source, tmp_path):
    file, boom = tmp_path / "w.pt2", tmp_path / "boom"
    exported(source, str(file))

    def change(name, content):
        if name.endswith("weights_config.json"):
            return content.replace(b'"use_pickle": false', b'"use_pickle": true')
        return bomb_bytes(boom) if "/weights/weight_" in name else content

    rezipped(file, change)
    with pytest.raises(InputError, match="was refused"):
        load_weights(network(), file)
    assert not boom.exists()


def test_a_torchscript_program_is_refused(source, tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "s.pt"))
    with pytest.raises(InputError, match="TorchScript program"):
        load_weights(nn.Linear(2, 2), tmp_path / "s.pt")


# What does not fit or is broken


def out_of_bounds(path):
    def change(name, content):
        if not name.endswith("weights_config.json"):
            return content
        table = json.loads(content)
        table["config"]["output.weight"]["tensor_meta"]["sizes"][0]["as_int"] = 10**6
        return json.dumps(table)

    rezipped(path, change)


def unfit(name, source, path):
    state = dict(source.state_dict())
    if name == "missing":
        del state["output.weight"]
    elif name == "unexpected":
        state["head.weight"] = torch.zeros(2)
    elif name == "mismatched":
        state["output.weight"] = torch.zeros(7, 4)
    elif name == "other network":
        state = {f"layer{i}.weight": torch.zeros(1) for i in range(9)}
    elif name == "list":
        state = [torch.zeros(2)]
    elif name == "numbers":
        state = {"epoch": 3, "loss": 0.5}
    if name in ("cut safetensors", "flipped safetensors"):
        save_file(state, path)
        content = path.read_bytes()
        path.write_bytes(content[:-50] if name.startswith("cut") else content[:20] + b"\xff" + content[21:])
    elif name in ("cut export", "export out of bounds", "export without weight"):
        exported(source, str(path))
        if name == "cut export":
            path.write_bytes(path.read_bytes()[:-3000])
        elif name == "export out of bounds":
            out_of_bounds(path)
        else:
            rezipped(path, lambda record, content: None if record.endswith("/weight_0") else content)
    elif name == "text":
        path.write_text("these are my weights")
    elif name == "nothing":
        path.write_bytes(b"")
    elif name == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/readme.txt", "hello")
    elif name == "half a pickle":
        path.write_bytes(b"\x80\x02}q\x00")
    elif name == "cut torch.save":
        torch.save(state, path)
        path.write_bytes(path.read_bytes()[:400])
    else:
        torch.save(state, path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing", "output.weight of the network is missing"),
        ("unexpected", "the network has no head.weight"),
        ("mismatched", "output.weight is 7x4 in the file and 10x4 in the network"),
        ("other network", "and 6 more"),
        ("list", "holds a list and no weights by name"),
        ("numbers", "no tensors by name, only epoch, loss"),
        ("cut safetensors", "cannot be|damaged|no weights"),
        ("flipped safetensors", "damaged"),
        ("cut export", "damaged|no weights|neither"),
        ("export out of bounds", "damaged"),
        ("export without weight", "damaged"),
        ("text", "neither safetensors, a torch.export archive, nor written by torch.save"),
        ("nothing", "neither safetensors"),
        ("zip", "zip file without weights"),
        ("half a pickle", "damaged|cannot be read"),
        ("cut torch.save", "damaged|neither|cannot be read"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line_and_changes_nothing(name, says, source, tmp_path):
    file = tmp_path / "w"
    unfit(name, source, file)
    content, model = file.read_bytes(), network()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(InputError, match=says) as caught:
        load_weights(model, file)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert file.read_bytes() == content


@pytest.mark.parametrize(("place", "says"), [("gone", "there is no file"), (".", "must be a file")])
def test_there_must_be_a_file(place, says, tmp_path):
    with pytest.raises(InputError, match=says):
        load_weights(network(), tmp_path / place)


def test_a_model_is_wanted(tmp_path, unchecked):
    with pytest.raises(InputError, match="model must be a torch nn.Module"):
        load_weights("resnet", tmp_path / "w")
