"""Ranks of layers with planted duplicates and dead ends, and networks of other kinds."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import free_directions
from netopsy.models import mlp

NAME = "free-directions"


def images(n=80, shape=(1, 6, 6), classes=4):
    random = torch.Generator().manual_seed(0)
    return Dataset(torch.randn(n, *shape, generator=random), torch.arange(n) % classes)


def planted():
    """Hidden units 0 and 1 are equal up to a factor, and the output does not see unit 5 of the second layer."""
    torch.manual_seed(0)
    model = mlp([36, 12, 10, 4], seed=0)
    with torch.no_grad():
        model.fc1.weight[1] = 2 * model.fc1.weight[0]
        model.fc2.bias += 30  # all of them fire
        model.output.weight[:, 5] = 0
    return model


def test_planted_degeneracies_are_found_and_an_untrained_network_has_none():
    found = examine(planted(), images(), instruments=[NAME]).findings[NAME]
    assert found.figures["rank of inputs, fc2"] == 11
    assert found.figures["rank of gradients, fc2"] == 4  # all units fire: the answers are linear in them
    assert found.figures["rank of inputs, fc1"] == 36
    assert found.figures["weights looked at"] == 36 * 12 + 12 * 10 + 10 * 4
    assert found.figures["units that fire in step with another"] == 12  # two hidden ones, all of the second layer
    assert found.figures["share of their directions that hardly matter"] > found.figures["the same untrained"]
    assert "fc2" in [row[0] for row in found.table]
    assert "merged" in found.advice


def test_a_layer_of_low_rank_is_advised_to_be_narrowed():
    model = mlp([36, 12, 10, 4], seed=0)
    with torch.no_grad():
        model.fc1.weight.copy_(torch.randn(12, 1) @ torch.randn(1, 36))
    [layer] = [each for each in free_directions._measure(Subject(model, images())) if each.name == "fc1"]
    assert layer.trained.rank_activations == 36
    found = examine(model, images(), instruments=[NAME]).findings[NAME]
    assert "thinner" in found.advice


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        return self.head(self.layer(x.mean(1)).mean(1))


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(True), nn.Flatten(), nn.Linear(64, 4)),
            (3, 6, 6),
        ),
        (Attends(), (1, 6, 6)),
        (nn.Sequential(nn.Linear(5, 4)), (5,)),
        (nn.Sequential(nn.Conv2d(1, 1, 3, groups=1), nn.Flatten(), nn.Linear(16, 20)), (1, 6, 6)),
    ],
)
def test_other_networks_have_ranks_too(model, shape, left_as_found):
    before = left_as_found(model.train())
    found = examine(model, images(30, shape), instruments=[NAME], depth="quick").findings[NAME]
    assert 0 <= found.figures["share of their directions that hardly matter"] <= 1
    assert left_as_found(model) == before


def test_a_network_without_such_a_layer_has_none():
    grouped = nn.Sequential(nn.Conv2d(4, 4, 3, groups=4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert "no linear layer" in free_directions.applies(Subject(grouped, images(20, (4, 6, 6))))


@pytest.mark.parametrize(
    "computed",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.spectral_norm,
        lambda layer: prune.l1_unstructured(layer, "weight", 0.5),
    ],
)
def test_weights_that_are_computed(computed):
    model = planted()
    computed(model.fc2)
    [reading] = examine(model, images(), instruments=[NAME]).readings
    assert reading.finding.figures["rank of inputs, fc2"] == 11


def test_a_dead_layer_is_called_one_and_not_to_be_narrowed_to_nothing():
    model = mlp([36, 12, 10, 4], seed=0)
    with torch.no_grad():
        model.fc2.weight.zero_()
        model.fc2.bias.fill_(-1)
    found = examine(model, images(), instruments=[NAME]).findings[NAME]
    assert found.figures["rank of inputs, output"] == 0
    assert "no answer depends on the weights of fc1, fc2, output" in found.advice
    assert "0 units" not in found.advice


def test_ranks_of_few_samples_are_no_directions_of_the_network():
    found = examine(mlp([36, 12, 10, 4], seed=0), images(40), instruments=[NAME]).findings[NAME]
    assert found.figures["rank of inputs, fc1"] == 36
    assert "enters fc1" not in found.sentence
    few = examine(mlp([36, 36, 4], seed=0), images(24), instruments=[NAME]).findings[NAME]
    assert "takes more samples" in few.sentence


def test_tokens_are_declined():
    model = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(40, 6), nn.ReLU(), nn.Linear(6, 3))
    tokens = Dataset(torch.randint(9, (60, 5)), torch.arange(60) % 3)
    assert "tokens" in free_directions.applies(Subject(model, tokens))
