"""What lies between two networks: in one order of their units, and layer by layer."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject
from netopsy.examination.comparison.instruments import aligned, line_by_layer
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.comparison.walk import Walk
from netopsy.lab.statistics import paired_difference
from netopsy.landscape.linear_mode_connectivity import apply_permutation, permutation_spec, random_permutation
from netopsy.models import mlp
from netopsy.training import Recipe, fit


@pytest.fixture(scope="module")
def clusters():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 4
    return Dataset(torch.randn(240, 6, generator=random) * 0.5 + 2 * torch.eye(4, 6)[labels], labels)


@pytest.fixture(scope="module")
def two(clusters):
    made = [mlp([6, 24, 24, 4], seed=seed) for seed in (0, 1)]
    for seed, model in enumerate(made):
        fit(model, clusters, Recipe(steps=150, lr=0.01), seed=seed)
    return made


def pair(a, b, data):
    return Pair(Subject(a, data), Subject(b, data))


def test_a_network_in_another_order_is_the_same_network(two, clusters):
    a, _ = two
    spec = permutation_spec(a, clusters.inputs[:2])
    b = copy.deepcopy(a)
    b.load_state_dict(apply_permutation(spec, random_permutation(spec, seed=2), a.state_dict()))
    before = {name: value.clone() for name, value in b.state_dict().items()}
    found = aligned.examine(pair(a, b, clusters))
    assert found.figures["barrier of the error as they are (points)"] > 5
    assert found.figures["barrier of the error in one order (points)"] == 0
    assert found.figures["units that changed places (%)"] > 80
    assert found.glance == "only the order of units parted them"
    assert all(torch.equal(value, b.state_dict()[name]) for name, value in before.items())


def test_a_network_and_itself_have_no_ridge_in_either_order(two, clusters):
    own = pair(two[0], copy.deepcopy(two[0]), clusters)
    assert aligned.examine(own).glance == "no ridge in either order"
    assert line_by_layer.examine(own).glance == "every layer can be averaged alone"


def test_layers_that_are_alike_cost_nothing(two, clusters):
    a = two[0]
    spec = permutation_spec(a, clusters.inputs[:2])
    order = random_permutation(spec, seed=1) | {"fc1": torch.arange(24)}
    b = copy.deepcopy(a)
    b.load_state_dict(apply_permutation(spec, order, a.state_dict()))
    found = line_by_layer.examine(pair(a, b, clusters))
    rows = {row[0]: float(row[1]) for row in found.table[1:]}
    assert list(rows) == ["fc1", "fc2", "output"]
    assert rows["fc1"] == 0
    assert min(rows["fc2"], rows["output"]) > 0
    assert "costs most" in found.glance


def test_where_nothing_may_change_places_it_says_why(two, clusters):
    linear = [nn.Sequential(nn.Linear(6, 4)) for _ in range(2)]
    assert "no hidden units" in aligned.applies(pair(*linear, clusters))
    assert "a single layer" in line_by_layer.applies(pair(*linear, clusters))

    class Branching(nn.Sequential):
        def forward(self, inputs):
            return super().forward(inputs if inputs.sum() > 0 else -inputs)

    branching = [Branching(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4)) for _ in range(2)]
    assert "cannot be put in another order" in aligned.applies(pair(*branching, clusters))
    assert "one architecture" in aligned.applies(pair(two[0], mlp([6, 9, 4]), clusters))


def walked(*wrong):
    """A walk with so many of 100 samples wrong at each of three points."""
    rows = np.stack([np.arange(100) < count for count in wrong]).astype(float)
    return Walk(np.array([0.0, 0.5, 1.0]), np.zeros(3), rows)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((0, 13, 0), (0, 13, 0), "no clear gain"),
        ((0, 60, 0), (0, 20, 0), "67 %"),
        ((0, 20, 0), (0, 60, 0), "makes it worse"),
        ((0, 0, 0), (0, 60, 0), "makes it worse"),
        ((0, 1, 0), (0, 0, 0), "no ridge in either order"),
    ],
)
def test_an_order_is_praised_for_what_it_gains_alone(before, after, said):
    one, other = walked(*before), walked(*after)
    gained = paired_difference(one.rises[one.top], other.rises[other.top])
    assert said in aligned._words(one, other, gained)[1]


def test_no_gain_is_no_reason_to_reorder(two, clusters):
    own = pair(two[0], copy.deepcopy(two[0]), clusters)
    assert "Nothing speaks" in aligned.examine(own).advice
    assert "-0.00" not in line_by_layer.examine(own).sentence
    assert line_by_layer._signed(-0.001) == "+0.00"
