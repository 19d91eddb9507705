"""Weights of a network that was shown standardised images: it is looked at as it was trained."""

import pytest
import torch
from safetensors.torch import save_file

from netopsy.cli import main
from netopsy.core.errors import InputError
from netopsy.data import digits_split
from netopsy.lab.given import Image
from netopsy.lab.one_picture import ask
from netopsy.lab.recipes import NETWORK
from netopsy.models import mlp
from netopsy.training import Recipe, evaluate, fit
from netopsy.web.runs.inputs import ready, standardisation
from netopsy.web.runs.job import Given, Job

SIZES = "sizes=64 10"
TOLD = {"architecture": "mlp", "sizes": SIZES}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Of a network whose images had 0.9 taken off and were divided by 0.1."""
    folder, train = tmp_path_factory.mktemp("weights"), digits_split()[0]
    model = mlp([64, 10], seed=0)
    fit(model, train.standardise(standardisation("0.9", "0.1", 1)), Recipe(steps=60, batch_size=50, lr=0.01), seed=0)
    save_file(model.state_dict(), folder / "a.safetensors")
    return folder


def test_a_network_is_shown_images_as_it_was_trained_on_them(weights):
    plain, told = (
        ready(NETWORK, Given(file="a.safetensors", **TOLD, **more), weights)
        for more in ({}, {"mean": ".9", "std": ".1"})
    )
    assert evaluate(told.model, told.data).accuracy > evaluate(plain.model, plain.data).accuracy + 0.05
    torch.testing.assert_close(told.data.inputs, (plain.data.inputs - 0.9) / 0.1)
    torch.testing.assert_close(told.data.images, plain.data.images)
    picture = Image(told.data.images[0].expand(3, -1, -1))
    asked = ask(told, picture, read_as="photograph", shows="")
    by_hand = told.model(told.data.inputs[:1]).softmax(1)[0]
    torch.testing.assert_close(asked.probabilities, by_hand.detach(), atol=1e-4, rtol=1e-4)
    made = {}
    exec(told.code.replace('"weights.safetensors"', f"{str(weights / 'a.safetensors')!r}"), made)
    assert torch.equal(made["data"].inputs, told.data.inputs)


@pytest.mark.parametrize(
    ("mean", "std", "channels", "sentence"),
    [
        ("a", "", 1, "mean must be one number, from -1000 to 1000, got 'a'"),
        ("", "0", 3, "std must be at least 1e-06 in every channel, got 0"),
        ("", "-1 1 1", 3, "std must be at least"),
        ("0.5 0.5", "", 3, "mean must be one number or 3 with spaces between them, from -1000 to 1000, got '0.5 0.5'"),
        ("nan", "", 1, "mean must be"),
        ("", "inf", 1, "std must be"),
        ("1e9", "", 1, "mean must be"),
        ("0 " * 65, "", 3, "mean must be"),
        ("\x1b[31m", "", 3, "mean must be"),
    ],
)
def test_other_numbers_are_one_sentence(mean, std, channels, sentence):
    with pytest.raises(InputError) as told:
        standardisation(mean, std, channels)
    assert str(told.value).startswith(sentence)
    assert str(told.value).isprintable()


def test_one_number_stands_for_all_channels():
    found = standardisation("0.5", "", 3)
    assert (found.mean.flatten().tolist(), found.std.flatten().tolist()) == ([0.5] * 3, [1.0] * 3)


def test_a_run_that_was_asked_for_before_is_still_read():
    text = Job("recipe", "eigen-cam", (Given(file="a.safetensors", **TOLD),)).to_text()
    before = text.replace(', "mean": ""', "").replace(', "std": ""', "")
    assert before != text
    assert Job.from_text(before) == Job.from_text(text)


def test_the_command_takes_them(weights, tmp_path, capsys):
    given = ["run", "representational-geometry", "--input", str(weights / "a.safetensors"), "--network", "mlp"]
    wrong = [*given, "--sizes", SIZES, "--std", "0", "--out", str(tmp_path / "x")]
    assert main(wrong) == 2
    assert "std must be at least" in capsys.readouterr().err
