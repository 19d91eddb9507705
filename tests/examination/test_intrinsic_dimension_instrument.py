"""The instrument of intrinsic dimension."""

import numpy as np
import pytest
import torch
from torch import nn

from netopsy.data import Dataset, digits_split
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import intrinsic_dimension
from netopsy.examination.subject import Subject
from netopsy.landscape.intrinsic_dimension import dimension_from_curve
from netopsy.models import mlp
from netopsy.training import Recipe

TRAIN, _, TEST = (part[:200] for part in digits_split())
RECIPE = Recipe(steps=25, batch_size=40, lr=3e-3)


def subject(model=None, data=TEST, **options):
    given = {"train": TRAIN, "recipe": RECIPE, "initialisation": "he_normal", "depth": "quick", **options}
    return Subject(model or mlp([64, 24, 10]), data, **given)


def test_it_says_how_many_directions_and_leaves_the_network(monkeypatch, unchecked):
    monkeypatch.setattr(intrinsic_dimension, "THRESHOLD", 0.4)
    monkeypatch.setitem(intrinsic_dimension.DIMS, "quick", (4, 200))
    one = subject()
    before = {name: value.clone() for name, value in one.model.state_dict().items()}
    figures = intrinsic_dimension.examine(one).figures
    assert figures["parameters"] == 64 * 24 + 24 + 240 + 10
    assert 4 < figures["intrinsic dimension"] < 200
    assert all(torch.equal(value, before[name]) for name, value in one.model.state_dict().items())


def test_what_is_not_reached_or_not_affordable_is_said(monkeypatch, unchecked):
    monkeypatch.setitem(intrinsic_dimension.DIMS, "quick", (2, 4))
    with pytest.raises(NotNow, match="more dimensions than this depth tries"):
        intrinsic_dimension.examine(subject())
    with pytest.raises(NotNow, match="9 trainings of 1,000,000,000 steps are the least"):
        intrinsic_dimension.examine(subject(recipe=Recipe(steps=10**9)))
    assert "needs the training data" in intrinsic_dimension.why_not(subject(train=None))


def test_a_network_that_cannot_run_as_a_stack_is_trained_one_after_the_other(monkeypatch, unchecked):
    class Counting(nn.Module):
        """Its norm averages over all batches it has seen, which a stack cannot."""

        def __init__(self):
            super().__init__()
            self.body, self.norm = nn.Linear(192, 8), nn.BatchNorm1d(8, momentum=None)
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.norm(self.body(x.flatten(1))).relu())

    random = torch.Generator().manual_seed(0)
    targets = torch.arange(60) % 2
    colour = Dataset(torch.randn(60, 3, 8, 8, generator=random) + 2 * targets[:, None, None, None], targets)
    found = intrinsic_dimension.examine(subject(Counting(), colour, train=colour, recipe=Recipe(steps=40, lr=0.01)))
    assert found.figures["intrinsic dimension"] <= 800


def test_a_recipe_that_teaches_nothing_has_no_dimension(unchecked):
    constant = Dataset(torch.zeros(40, 1, 8, 8), torch.arange(40) % 2)
    with pytest.raises(NotNow, match="commonest class"):
        intrinsic_dimension.examine(subject(mlp([64, 24, 2]), constant, train=constant, recipe=Recipe(steps=2)))


def test_an_interval_without_an_end_says_from_where():
    scores = np.array([[0.2, 0.2, 0.2], [0.9, 0.9, 0.6]])
    found = dimension_from_curve([100, 800], scores, 0.7, baseline=0.8, full=900)
    assert "inf" not in intrinsic_dimension._finding(found).sentence
    assert "or more)" in intrinsic_dimension._finding(found).sentence
