"""The search for a sparse network among trained weights, in an examination."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from netopsy.data import Dataset, digits_split
from netopsy.examination import examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import jackpot
from netopsy.examination.subject import Subject
from netopsy.models import mlp
from netopsy.training import Recipe, evaluate, fit

TRAIN, _, TEST = digits_split()


@pytest.fixture(scope="module")
def perceptron():
    model = mlp([64, 60, 30, 10])
    fit(model, TRAIN, Recipe(steps=100, lr=5e-3))
    return model


def figures(found):
    return {name.removeprefix("accuracy, "): value for name, value in found.figures.items() if "accuracy" in name}


def test_a_trained_network_holds_what_an_untrained_one_does_not(perceptron, left_as_found, monkeypatch):
    monkeypatch.setattr(jackpot, "MOST", 160)
    before = left_as_found(perceptron)
    found = examine(perceptron, TEST, train=TRAIN, instruments=["jackpot"], depth="quick").findings["jackpot"]
    assert left_as_found(perceptron) == before
    accuracy = figures(found)
    assert accuracy["the whole network"] == pytest.approx(evaluate(perceptron, TEST).accuracy, abs=1e-4)
    assert accuracy["a tenth of its weights, searched for"] > accuracy["its largest weights"]
    assert accuracy["a tenth of its weights, searched for"] > accuracy["a tenth of new weights, searched for"]
    weights = 64 * 60 + 60 * 30
    assert found.figures["weights"] == weights  # the classifier stays whole
    assert found.figures["weights kept"] == pytest.approx(0.1 * weights, abs=1)
    assert found.figures["steps"] == jackpot.MOST / 4


def test_a_network_of_tiny_layers_and_none_that_is_linear_loses_no_layer(monkeypatch):
    monkeypatch.setattr(jackpot, "MOST", 160)
    random = torch.Generator().manual_seed(0)
    data = Dataset(torch.rand(60, 3, 8, 8, generator=random), torch.arange(60) % 3)
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 30, 3, bias=False), nn.Conv2d(30, 3, 4)
    model = nn.Sequential(*layers, nn.Flatten())
    with torch.no_grad():
        model[0].weight.mul_(1e-4)
    found = examine(model, data, train=data, instruments=["jackpot"], depth="quick").findings["jackpot"]
    assert found.figures["weights"] == 54 + 540 + 30 * 3 * 16
    assert "'uniform'" in found.code


def test_it_says_why_it_cannot_be_used(perceptron):
    one = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    for model, options, says in (
        (perceptron, {}, "searches on the training data"),
        (one, {"train": TRAIN}, "its only layer of weights is the classifier"),
    ):
        (absence,) = examine(model, TEST, instruments=["jackpot"], **options).absences
        assert says in absence.reason
        assert not absence.failed


def test_a_large_network_is_left_for_a_deeper_examination(perceptron):
    subject = Subject(perceptron, TEST, train=TRAIN)
    most, quick = jackpot.passes(subject), jackpot.passes(replace(subject, depth="quick"))
    assert quick < most
    large = replace(subject, depth="quick")
    large.sample_cost = 1e10
    with pytest.raises(NotNow, match="40 steps of each search are the least"):
        jackpot.examine(large)


def test_new_weights_that_do_as_well_are_in_the_advice():
    names = "whole", "sparse", "largest", "fresh"
    said = [
        jackpot._advice(dict(zip(names, values, strict=True)), held=True)
        for values in ((0.9, 0.8, 0.5, 0.8), (0.9, 0.8, 0.5, 0.3))
    ]
    assert "as well among new weights" in said[0]
    assert "needs no training" in said[1]
