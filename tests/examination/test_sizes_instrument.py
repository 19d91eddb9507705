"""The instrument that searches for widths and depths at half the operations."""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from netopsy.core.operations import layers_of
from netopsy.data import Dataset, digits_split
from netopsy.examination import examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import sizes
from netopsy.examination.subject import Subject
from netopsy.models import ResNet, initialise, mlp
from netopsy.training import Recipe, evaluate

TRAIN, _, TEST = (part[:200] for part in digits_split())
RECIPE = Recipe(steps=12, batch_size=40, lr=5e-3)
COLOURED = Dataset(torch.rand(30, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3)


def subject(model=None, data=TEST, **options):
    given = {"train": TRAIN, "recipe": RECIPE, **options}
    return Subject(model or mlp([64, 24, 16, 10]), data, **given)


def test_its_networks_are_really_smaller_and_its_numbers_theirs(left_as_found):
    one = subject()
    before = left_as_found(one.model)
    finding = sizes.examine(one)
    assert left_as_found(one.model) == before
    found = finding.figures
    whole, searched = (found[f"multiplications for one sample, {name}"] for name in (sizes.WHOLE, sizes.SEARCHED))
    assert whole == 64 * 24 + 24 * 16 + 16 * 10
    first, second = found["width, fc1"], found["width, fc2"]
    assert searched == 64 * first + first * second + second * 10
    assert found[f"parameters, {sizes.SEARCHED}"] == searched + first + second + 10
    assert found[f"accuracy, {sizes.WHOLE}"] == pytest.approx(evaluate(one.model, TEST).accuracy, abs=1e-4)
    for name in (sizes.UNIFORM, "random sizes, 1", "random sizes, 2"):
        assert found[f"multiplications for one sample, {name}"] == pytest.approx(searched, rel=0.1)
    assert [row[0] for row in finding.table[1:3]] == [sizes.WHOLE, sizes.SEARCHED]
    assert not any("time" in name for name in found)


def test_residual_blocks_may_go_and_every_network_trains_alike(monkeypatch):
    model = initialise(ResNet(3, 3, (8, 12), (2, 1)), "he_normal")
    trained = {}
    monkeypatch.setattr(sizes, "distill", lambda model, teacher, data, **options: trained.update({model: options}))
    one = subject(model, COLOURED, train=COLOURED, recipe=replace(RECIPE, batch_size=10))
    found = sizes.examine(one).figures
    assert found["blocks, stage2"] in (1, 2)
    assert len(trained) == 2 + sizes.DRAWS
    assert {options["recipe"] for options in trained.values()} == {one.recipe}
    searched = next(iter(trained))
    operations = sum(each.flops for each in layers_of(searched, COLOURED.inputs[:1])) // 2
    assert operations == found[f"multiplications for one sample, {sizes.SEARCHED}"]


def test_a_search_that_diverges_is_done_at_a_lower_rate(monkeypatch):
    tried, search = [], sizes.tas_search

    def searching(*given, settings, **options):
        tried.append(settings.lr)
        return search(*given, settings=replace(settings, lr=1e9 if settings.lr > 0.05 else settings.lr), **options)

    monkeypatch.setattr(sizes, "tas_search", searching)
    one = subject()
    sizes._searched(one, sizes._space(one))
    assert tried == [0.1, 0.01]


class Multiplying(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.gate, self.output = nn.Linear(64, 8), nn.Linear(64, 8), nn.Linear(8, 10)

    def forward(self, x):
        x = x.flatten(1)
        return self.output(self.first(x) * self.gate(x).sigmoid())


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        (mlp([64, 24, 16, 10]), {"train": None}, "needs the training data and a recipe"),
        (mlp([64, 24, 10]), {}, "a single width to choose"),
        (Multiplying(), {}, "it takes chains of convolutions and linear layers .* node 'mul'"),
        (mlp([64, 1, 1, 10]), {}, "even its smallest sizes need more than 50 %"),
        (mlp([64, 24, 16, 10]), {"recipe": Recipe(loss="mse")}, "the recipe's loss is mse"),
    ],
)
def test_it_says_which_networks_it_takes(model, options, says):
    (absence,) = examine(model, TEST, instruments=["sizes"], **{"train": TRAIN, "recipe": RECIPE, **options}).absences
    assert not absence.failed
    assert re.search(says, absence.reason)


def test_too_long_a_training_is_an_absence():
    with pytest.raises(NotNow, match="a search and 4 trainings of 1,000,000,000 steps are the least"):
        sizes.examine(subject(recipe=Recipe(steps=10**9)))
