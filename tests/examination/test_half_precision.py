"""Networks in half precision go through every instrument, and what the drawings say stays out of stderr."""

import copy
import dataclasses
import warnings
from collections import OrderedDict

import pytest
import torch
from hurried import hurry
from torch import nn

from netopsy.examination import Subject, examine
from netopsy.examination.instrument import NotNow, instruments
from netopsy.training import Recipe

RENDERED = True


@pytest.fixture(scope="module")
def half(trained):
    """The trained network and some of its data in bfloat16, its layers' names beginning with an underscore."""
    model, train, test = trained[0], trained[1][:200], trained[2][:100]
    network = nn.Sequential(OrderedDict(_body=copy.deepcopy(model))).bfloat16()
    narrow, source = (dataclasses.replace(each, inputs=each.inputs.bfloat16()) for each in (test, train))
    return Subject(network, narrow, source, Recipe(steps=5, batch_size=16), depth="quick", classes_wanted=(1, 4, 7))


@pytest.mark.parametrize("instrument", instruments(), ids=lambda one: one.name)
def test_every_instrument_takes_bfloat16(half, instrument, caplog, capfd, monkeypatch):
    hurry(monkeypatch)
    if instrument.applies(half) is not None:
        pytest.skip("it says why it does not apply")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            answer = instrument.examine(half).sentence
        except NotNow as reason:
            answer = str(reason)
    assert answer
    assert "float" not in answer.replace("floating-point operations", "")
    spoken = [str(one.message) for one in said] + [one.message for one in caplog.records] + [capfd.readouterr().err]
    assert not [one for one in spoken if "No artists" in one or "Glyph" in one]


def test_the_copy_in_single_precision_leaves_the_network(half):
    wide = half.in_single_precision
    assert {one.dtype for one in half.model.parameters()} == {torch.bfloat16}
    assert {one.dtype for one in wide.model.parameters()} == {torch.float32}
    assert wide.in_single_precision is wide
    torch.testing.assert_close(
        half.model(half.data.inputs[:9]).float(), wide.model(wide.data.inputs[:9]), rtol=0.1, atol=0.1
    )


def test_training_mode_keeps_the_buffers_of_spectral_norms(trained, monkeypatch):
    _, train, test = trained
    torch.manual_seed(0)
    first = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 8, 3))
    last = nn.utils.spectral_norm(nn.Linear(128, 10))
    net = nn.Sequential(first, nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), last).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    hurry(monkeypatch)
    recipe = Recipe(steps=5, batch_size=16)
    examine(net, test[:60], train=train[:100], recipe=recipe, depth="quick", budget=1e6)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(module.training for module in net.modules())
