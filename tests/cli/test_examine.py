"""`netopsy examine` as a person would use it: the demo, a network of one's own, and everything that can go wrong."""

import _thread
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from netopsy.__main__ import main as netopsy_command
from netopsy.cli import main
from netopsy.data import load_data
from netopsy.examination.default import default_network, kept_network
from netopsy.models import small_conv_net
from netopsy.training import evaluate

NETS = """
import time
import torch
from torch import nn
from netopsy.models import small_conv_net

def grey():
    return small_conv_net((4, 4), (1, 2), classes=2)

def colour():
    return small_conv_net((4, 4), (1, 2), channels=3, classes=2)

def broken():
    raise RuntimeError("the disk is on strike")

def shapeless():
    return nn.Sequential(nn.Flatten(), nn.Linear(7, 2))

def ten():
    return small_conv_net((4, 4), (1, 2), channels=3, classes=10)

def image_to_image():
    return nn.Conv2d(1, 2, 3)

def one_class():
    return nn.Sequential(nn.Flatten(), nn.Linear(625, 1))

class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = small_conv_net((4, 4), (1, 2), classes=2)

    def forward(self, x):
        open("started", "w").close()
        time.sleep(0.05)
        return self.net(x)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with networks, weights and photographs of two classes."""
    (tmp_path / "own_models.py").write_text(NETS)
    random = np.random.default_rng(0)
    for name, colour in (("ant", (200, 30, 30)), ("bee", (30, 30, 200))):
        (tmp_path / "insects" / name).mkdir(parents=True)
        for number in range(5):
            noisy = np.clip(np.array(colour) + random.integers(-25, 25, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(tmp_path / "insects" / name / f"{number}.png")
    save_file(small_conv_net((4, 4), (1, 2), channels=3, classes=2, seed=3).state_dict(), tmp_path / "w.safetensors")
    (tmp_path / "notes.txt").write_text("not weights, not a report")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "thesis.tex").write_text("three years of work")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("own_models", None)


def told(capsys, *arguments):
    code = main(list(arguments))
    output = capsys.readouterr()
    return code, output.out, output.err


def snapshot(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"}


QUICK = ("--instruments", "accuracy", "--instruments", "confusions", "--budget", "1")
COMMAND = "import sys; from netopsy.cli import main; sys.exit(main())"
OWN = ("examine", "--model", "own_models:colour", "--data", "insects")


def test_the_embedded_network_is_good_and_never_saw_its_test_data():
    trained = default_network()
    assert evaluate(trained.model, trained.test).accuracy >= 0.97
    seen = {image.numpy().tobytes() for image in trained.train.inputs}
    assert sum(image.numpy().tobytes() in seen for image in trained.test.inputs) <= 2
    assert len(trained.train) + len(trained.test) == 1500
    again = kept_network()  # trained by whoever asked first
    assert all(torch.equal(a, b) for a, b in zip(trained.model.parameters(), again.model.parameters(), strict=True))


def test_the_demo_writes_a_report_and_says_what_it_found(folder, capsys):
    code, out, err = told(capsys, "examine", "--out", "report", *QUICK)
    assert code == 0, err
    assert "What it is\n" in out
    assert "held-out samples right" in out
    assert "report/report.html written in" in out
    findings = json.loads((folder / "report" / "report.json").read_text())["findings"]
    assert [each["instrument"] for each in findings] == ["accuracy", "confusions"]
    assert findings[0]["figures"]["accuracy"] >= 0.97
    assert 'content="netopsy' in (folder / "report" / "report.html").read_text(encoding="utf-8")[:500]
    assert told(capsys, *OWN, "--out", "report", "--quiet", *QUICK)[:2] == (0, "report/report.html\n")


def test_a_network_of_ones_own_with_weights_and_standardised_photographs(folder, capsys):
    normal = ("--mean", "0.5,0.4,0.3", "--std", "0.2", "--size", "12")
    code, _, err = told(capsys, *OWN, "--weights", "w.safetensors", "--std", "0.2,0.2,0.2", *normal[:2], *normal[4:],
                        "--out", "page.html", "--layer", "features.conv2", "--classes", "bee", *QUICK)  # fmt: skip
    assert code == 0, err
    assert (folder / "page.html").exists()
    assert not (folder / "report").exists()
    model = small_conv_net((4, 4), (1, 2), channels=3, classes=2, seed=3)
    data = load_data("insects", size=12)
    mean = torch.tensor([0.5, 0.4, 0.3])[:, None, None]
    right = (model.eval()((data.inputs - mean) / 0.2).argmax(1) == data.targets).sum()
    assert f"answers {int(right)} of 10" in (folder / "page.html").read_text(encoding="utf-8")


def test_embedded_data_a_limit_and_training_data(folder, capsys):
    code, out, err = told(
        capsys, "examine", "--model", "own_models:grey", "--data", "lfw", "--train", "lfw", "--limit", "20", *QUICK
    )
    assert code == 0, err
    assert "of 20 held-out samples" in out
    assert "own_models:grey" in (folder / "report" / "report.html").read_text(encoding="utf-8")


def test_a_recipe_lets_a_network_of_ones_own_be_trained_again(folder, capsys):
    ask = ("examine", "--model", "own_models:grey", "--data", "lfw", "--limit", "40", "--instruments", "tickets")
    code, out, err = told(capsys, *ask, "--train", "lfw", "--recipe", "steps=5, optimizer=sgd,lr=0.01")
    assert code == 0, err
    assert "of the weights, trained alone from the start" in out
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "each training is 5 steps of sgd at a learning rate of 0.01" in page
    code, out, _ = told(capsys, *ask)
    assert code == 0
    assert "tickets: it trains the network again" in out  # who asks by name is told why there is nothing


def test_notes_are_told_in_one_line_each(folder, capsys):
    (folder / "insects" / "ant" / "readme.md").write_text("ants")
    code, _, err = told(capsys, *OWN, *QUICK)
    assert code == 0
    assert err == "note: 'insects': 1 files that are no images were ignored\n"


BAD = {
    "no such instrument": (["examine", "--instruments", "acuracy"], "'acuracy': did you mean 'accuracy'"),
    "budget 0": (["examine", "--budget", "0"], "--budget must be a positive number of seconds, got 0"),
    "budget nan": (["examine", "--budget", "nan"], "--budget must be a positive"),
    "budget in words": (["examine", "--budget", "soon"], "--budget"),
    "unknown depth": (["examine", "--depth", "deep"], "unknown depth 'deep'"),
    "negative seed": (["examine", "--seed", "-1"], "--seed must not be negative"),
    "limit 0": (["examine", "--limit", "0"], "--limit must be at least 1"),
    "unknown option": (["examine", "--modell", "x:y"], "--modell"),
    "weights alone": (["examine", "--weights", "w.safetensors"], "--weights needs --model"),
    "data alone": (["examine", "--data", "insects"], "--data needs --model"),
    "recipe without training data": ([*OWN, "--recipe", "steps=5"], "--recipe needs --train"),
    "recipe of a word": ([*OWN, "--train", "insects", "--recipe", "steps"], "must be name=value"),
    "recipe of no such name": ([*OWN, "--train", "insects", "--recipe", "step=5"], "--recipe has no 'step'"),
    "recipe of no number": ([*OWN, "--train", "insects", "--recipe", "lr=fast"], "needs a number for lr, got 'fast'"),
    "recipe out of range": ([*OWN, "--train", "insects", "--recipe", "steps=0"], "steps must be an int of at least 1"),
    "size alone": (["examine", "--size", "9"], "--size needs --model"),
    "model alone": (["examine", "--model", "own_models:colour"], "--model needs --data"),
    "no such device": (["examine", "--device", "tpu9"], "--device must be cpu, cuda or auto"),
    "other device": (["examine", "--device", "meta"], "--device must be cpu, cuda or auto"),
    "no such module": (["examine", "--model", "own_model:colour", "--data", "insects"], "no module 'own_model'"),
    "no such factory": (["examine", "--model", "own_models:color", "--data", "insects"], "has no 'color'"),
    "no colon": (["examine", "--model", "own_models", "--data", "insects"], "package.module:factory"),
    "factory raises": (["examine", "--model", "own_models:broken", "--data", "insects"], "the disk is on strike"),
    "factory of no network": (["examine", "--model", "own_models:torch.rand", "--data", "lfw"], "could not make"),
    "no such data": (["examine", "--model", "own_models:colour", "--data", "insect"], "there is no 'insect'"),
    "data is a file": (["examine", "--model", "own_models:colour", "--data", "notes.txt"], "is not a folder"),
    "folder without classes": (["examine", "--model", "own_models:colour", "--data", "kept"], "no subfolders"),
    "bad hub name": (["examine", "--model", "own_models:colour", "--data", "hub:mnist"], "owner/name"),
    "no such part": (["examine", "--model", "own_models:grey", "--data", "lfw", "--split", "tset"], "split 'tset'"),
    "too many channels": ([*OWN, "--channels", "2"], "channels must be 1 or 3"),
    "size 0": ([*OWN, "--size", "0"], "size must be at least 1"),
    "mean in words": ([*OWN, "--mean", "grey"], "--mean must be numbers with commas"),
    "infinite mean": ([*OWN, "--mean", "inf"], "--mean must be numbers"),
    "std of nothing": ([*OWN, "--std", ""], "--std must be numbers"),
    "std 0": ([*OWN, "--std", "0.2,0,0.2"], "--std must be positive"),
    "mean and std differ": ([*OWN, "--mean", "1,2", "--std", "1,2,3"], "must be as many, got 2 and 3"),
    "mean of other channels": ([*OWN, "--mean", "1,2"], "one number or one a channel, 3, got 2"),
    "no such weights": ([*OWN, "--weights", "gone.pt"], "there is no file of weights"),
    "weights are text": ([*OWN, "--weights", "notes.txt"], "holds no weights that can be read"),
    "weights of another": (
        ["examine", "--model", "own_models:grey", "--data", "lfw", "--weights", "w.safetensors"],
        "features.conv1.weight is 4x3x3x3 in the file and 4x1x3x3 in the network",
    ),
    "channels differ": (["examine", "--model", "own_models:grey", "--data", "insects"], "does not run on this data"),
    "shapes differ": (["examine", "--model", "own_models:shapeless", "--data", "lfw"], "does not run on this data"),
    "no scores": (["examine", "--model", "own_models:image_to_image", "--data", "lfw"], "must return class scores"),
    "no such labels": ([*OWN, "--labels", "gone.txt"], "there is no file of labels"),
    "too few labels": ([*OWN, "--labels", "notes.txt"], "labels must be as many as the network's outputs, 2, got 1"),
    "which output is which": (["examine", "--model", "own_models:ten", "--data", "insects"], "with --labels FILE"),
    "resize without size": ([*OWN, "--resize", "9"], "resize must be at least the size of the crop"),
    "unknown interpolation": ([*OWN, "--interpolation", "cubic"], "unknown interpolation 'cubic'"),
    "a library that is not there": (["examine", "--model", "timm:resnet18", "--data", "insects"], "timm"),
    "reshape of nothing": ([*OWN, "--reshape", "14"], "--reshape must be rows and columns, such as 14x14"),
    "no such layer": ([*OWN, "--layer", "conv9"], "unknown layer 'conv9'"),
    "no such class": ([*OWN, "--classes", "wasp"], "unknown class 'wasp'"),
    "class out of range": ([*OWN, "--classes", "2"], "class 2 is out of range 0 to 1"),
    "out is a file": (["examine", "--out", "notes.txt"], "'notes.txt' is a file"),
    "out is another's folder": (["examine", "--out", "kept"], "is left as it is: it is not empty"),
    "out is within a file": (["examine", "--out", "notes.txt/report"], "is a file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_exit_code_2_and_nothing_is_touched(case, folder, capsys):
    arguments, says = BAD[case]
    before = snapshot(folder)
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert snapshot(folder) == before


def test_no_gpu_is_said(folder, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert told(capsys, "examine", "--device", "cuda")[0] == 2


def test_a_traceback_is_never_shown(folder, capfd, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "argv", ["netopsy", "examine", "--model", "own_models:broken", "--data", "insects"])
    try:
        assert netopsy_command() == 2
    finally:
        signal.signal(signal.SIGINT, before)
    errors = capfd.readouterr().err
    assert errors == "netopsy: own_models:broken could not make a network: RuntimeError: the disk is on strike\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are sent the Unix way")
@pytest.mark.parametrize(("in_a_process", "wait"), [(True, 0.0), (False, 0.7)])
def test_an_interrupt_ends_it_long_before_its_budget_and_leaves_nothing_half_written(
    in_a_process, wait, folder, capfd, monkeypatch
):
    before = {*snapshot(folder)}
    if in_a_process:
        code, err = interrupted_process(wait, folder / "started")
    else:
        code, err = interrupted_here(wait, folder / "started"), capfd.readouterr().err
    assert code == 130
    assert err == "netopsy: interrupted; no report was written\n"
    assert {*snapshot(folder)} - before == {folder / "started"}
    assert not (folder / "report").exists()


SLOW = ("examine", "--model", "own_models:Slow", "--data", "lfw", "--budget", "300", "--limit", "100")


def interrupted_here(wait, sign):
    """Interrupt an examination in this process some seconds after the network first ran; its end."""
    ended = threading.Event()

    def interrupt():
        while not sign.exists() and not ended.wait(0.02):
            pass
        if not ended.wait(wait):
            _thread.interrupt_main()

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    try:
        return main([*SLOW])
    finally:
        ended.set()
        interrupting.join()


def interrupted_process(wait, sign):
    """Start an examination, interrupt it some seconds after the network first ran; its end."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *SLOW],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not sign.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        return process.returncode, err
    finally:
        process.kill()
