"""Neighbours in the last layer, and units that repeat others."""

import numpy as np
import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import neighbours, redundancy
from netopsy.examination.weighted_layers import weighted_layers


def test_a_trained_network_brings_classes_together(trained):
    model, _, test = trained
    found = examine(model, test[:200], instruments=["neighbours"]).findings["neighbours"]
    assert found.verdict == "good"
    assert found.figures["of the 10 nearest, of one class"] > found.figures["the same in the inputs"]
    assert found.figures["numbers in the layer"] == 8 * 4 * 4 or found.figures["numbers in the layer"] > 0
    exec(found.code, {"model": model, "data": test[:200]})


def test_purity_is_that_of_the_nearest_by_angle():
    rows = np.array([[1.0, 0.0], [5.0, 0.1], [0.0, 1.0], [0.1, 3.0], [2.0, 0.3]])
    assert neighbours._purity(rows, np.array([0, 0, 1, 1, 1]), 1).tolist() == [1, 1, 1, 1, 0]


def test_classes_of_few_samples_can_be_pure():
    rows, labels = np.eye(3).repeat(2, 0) + 0.01, np.array([0, 0, 1, 1, 2, 2])
    assert neighbours._purity(rows, labels, 5).tolist() == [1] * 6
    assert neighbours._purity(rows, np.array([0, 0, 1, 1, 2, 3]), 5).tolist() == [1, 1, 1, 1, 0, 0]


def test_a_sample_of_every_class_has_no_neighbours_of_its_class():
    model, inputs = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 40)), torch.rand(40, 4)
    with pytest.raises(NotNow, match="hardly any sample"):
        neighbours.examine(Subject(model, Dataset(inputs, torch.arange(40))))


def test_the_same_samples_everywhere_are_no_crash():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    with torch.no_grad():
        model[1].weight.zero_()
    data = Dataset(torch.rand(40, 1, 2, 2), torch.arange(40) % 3)
    found = examine(model, data, instruments=["neighbours", "redundancy"])
    (absence,) = found.absences
    assert "the same for every sample" in absence.reason
    with torch.no_grad():
        model[1].weight[0] = 1.0  # the samples lie on a line
    assert "neighbours" in examine(model, data, instruments=["neighbours"]).findings
    assert found.findings["redundancy"].figures["dead"] == 6


def test_copies_and_dead_units_are_counted():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        model[0].weight[1] = -2 * model[0].weight[0]
        model[0].weight[4] = model[0].weight[0] + 1e-3
        model[0].weight[7] = 0
    data = Dataset(torch.randn(120, 30), torch.arange(120) % 3)
    finding = examine(model, data, instruments=["redundancy"]).findings["redundancy"]
    assert finding.figures["dead"] == 1
    assert finding.figures["copies of another (correlation 0.95 or more)"] == 2
    assert 1 < finding.figures["dimensions, 0"] < 6
    exec(finding.code, {"model": model, "data": data})


def test_a_chain_of_copies_leaves_those_that_are_no_copies_of_what_stays():
    """The first stands for the second, and the second for the third, but the first not for the third."""
    chain = torch.tensor([[1.0, 0.96, 0.9], [0.96, 1.0, 0.96], [0.9, 0.96, 1.0]])
    assert redundancy._copies(chain) == 2
    assert redundancy._copies(torch.eye(3)) == 0
    assert redundancy._copies(torch.ones(4, 4)) == 3


def test_few_samples_are_said_to_hide_directions():
    data = Dataset(torch.rand(12, 4), torch.arange(12) % 2)
    for hidden, said in ((30, True), (5, False)):
        model = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 2))
        reading = redundancy.examine(Subject(model, data)).reading
        assert ("at most 11 directions" in reading) == said


def test_what_does_not_apply_says_why():
    shallow = Subject(
        nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), Dataset(torch.rand(20, 1, 2, 2), torch.arange(20) % 2)
    )
    assert "no hidden layer" in redundancy.applies(shallow)
    assert "too few for a map" in neighbours.applies(shallow)
    few = Subject(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), Dataset(torch.rand(3, 4), torch.arange(3) % 2))
    assert "too few for correlations" in redundancy.applies(few)
    assert weighted_layers(shallow, 1) == ["1"]
