"""Classes and inputs in the layers: known geometries, networks of other kinds, and what is declined."""

import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import geometry
from netopsy.examination.instruments._geometry import dichotomies, layers_of_rows

SQUARE = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])


def around(means, samples=80):
    """Samples close to the mean of their class, and a network that hands them on to its last layer."""
    labels = torch.arange(samples) % len(means)
    noise = torch.randn(samples, means.shape[1], generator=torch.Generator().manual_seed(0))
    size = means.shape[1]
    model = nn.Sequential(nn.Linear(size, size), nn.Linear(size, len(means)))
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(size))
        model[0].bias.zero_()
    return Subject(model, Dataset(means[labels] + 1e-3 * noise, labels))


def test_a_trained_network_follows_the_classes(trained):
    model, _, test = trained
    found = examine(model, test[:200], instruments=["geometry"]).findings["geometry"]
    assert found.verdict == "good"
    figures = found.figures
    assert figures["alignment with the classes"] > figures["the same, untrained"] + 0.1
    assert figures["the same, highest of 20 shuffled labellings"] < 0.1
    assert 0.5 < figures["alignment with the inputs"] < 1
    assert len(found.glance.split()) <= 10
    exec(found.code, {"model": model, "data": test[:200]})


def test_classes_equally_far_apart():
    figures = geometry.examine(around(torch.eye(4))).figures
    assert figures["alignment with the classes"] == pytest.approx(1, abs=1e-3)
    assert figures["alignment with the inputs"] == pytest.approx(1, abs=1e-3)
    assert figures["dimension of the class means"] == pytest.approx(3, abs=1e-2)
    assert figures["parallelism"] == pytest.approx(0, abs=1e-2)


def test_classes_on_a_square_generalise_along_its_axes_and_not_across_the_diagonal():
    figures = geometry.examine(around(SQUARE)).figures
    assert figures["dichotomies"] == 3
    assert figures["dimension of the class means"] == pytest.approx(2, abs=1e-2)
    assert figures["parallelism"] == pytest.approx((1 + 1 - 1) / 3, abs=1e-2)
    assert figures["CCGP"] == pytest.approx((1 + 1 + 0) / 3, abs=1e-2)


def test_dichotomies_are_halves_and_no_two_the_same():
    assert len(dichotomies(4, 10, seed=0)) == 3
    assert len(dichotomies(5, 4, seed=0)) == 4
    assert all(int((each == 1).sum()) == int((each == -1).sum()) == 2 for each in dichotomies(5, 20, seed=1))
    assert dichotomies(3, 4, seed=0) == []


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.hidden, self.output = nn.Embedding(9, 6), nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, tokens):
        return self.output(self.hidden(self.embed(tokens)).relu().mean(1))


class SequenceFirst(nn.Module):
    def __init__(self):
        super().__init__()
        self.run, self.output = nn.LSTM(5, 6), nn.Linear(6, 4)

    def forward(self, inputs):
        return self.output(self.run(inputs.transpose(0, 1))[0][-1])


def test_tokens_sequences_and_large_colour_images():
    torch.manual_seed(0)
    labels = torch.arange(40) % 4
    words = Subject(Words(), Dataset(torch.randint(9, (40, 7)), labels))
    assert layers_of_rows(words) == ["hidden", "output"]
    assert "alignment with the inputs" in geometry.examine(words).figures
    run = Subject(SequenceFirst(), Dataset(torch.randn(40, 7, 5), labels))
    assert layers_of_rows(run) == ["output"]
    assert geometry.examine(run).figures["alignment with the inputs"] < 0.99
    images = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.LazyLinear(4)
    )
    images(torch.zeros(2, 3, 70, 70))
    found = geometry.examine(Subject(images, Dataset(torch.rand(40, 3, 70, 70), labels)))
    assert [row[0] for row in found.table[1:]] == ["0", "3", "5"]
    assert found.verdict == "plain"


def test_two_classes_have_no_dichotomies():
    found = geometry.examine(around(torch.eye(2)))
    assert "CCGP" not in found.figures
    assert len(found.table[0]) == 5


def test_what_does_not_apply_says_why():
    shallow = Subject(nn.Linear(4, 2), Dataset(torch.rand(20, 4), torch.arange(20) % 2))
    assert "no hidden layer" in geometry.applies(shallow)
    chain = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 9))
    assert "fewer than two classes" in geometry.applies(Subject(chain, Dataset(torch.rand(9, 4), torch.arange(9))))
    with torch.no_grad():
        chain[0].weight.zero_()
    with pytest.raises(NotNow, match="the same for every sample"):
        geometry.examine(Subject(chain, Dataset(torch.rand(40, 4), torch.arange(40) % 4)))
