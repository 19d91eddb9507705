"""The instrument that shows what a network's classes are made of."""

import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import examine
from netopsy.examination.instruments import concepts
from netopsy.examination.subject import Subject


def halves(n=64, channels=3):
    """Colour images: class 0 is bright on the left, or below in the half of them; class 1 on the right."""
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    images = 0.1 * torch.rand(n, channels, 8, 8, generator=random)
    images[labels == 0, :, :, :3] += 1
    images[labels == 1, :, :, 5:] += 1
    images[::4, :, 5:, :3] += 1
    return Dataset(images, labels, classes=("left $", "right"))


def net(channels=3):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 64, 2, bias=False)
    )
    weights = torch.zeros(2, 6, 8, 8)
    weights[0, :, :, :4] = weights[1, :, :, 4:] = 0.01
    with torch.no_grad():
        model[0].weight.abs_()
        model[0].bias.zero_()
        model[3].weight.copy_(weights.flatten(1))
    return model


@pytest.mark.parametrize("channels", [1, 3])
def test_concepts_are_shown_scored_and_grouped(channels):
    model, data = net(channels), halves(channels=channels)
    finding = examine(model, data, instruments=["concepts"]).findings["concepts"]
    assert finding.figures["classes"] == 2
    assert finding.figures["images"] == 64
    assert finding.figures["kept with all concepts"] == 1
    assert finding.figures["C-Deletion"] <= finding.figures["C-Deletion in random order"]
    assert "layer 1" in finding.sentence
    assert len(finding.pictures) == 2
    assert "paper's study" not in finding.reading
    given = {"model": model, "data": data}
    exec(finding.code, given)
    subject = Subject(model, data)
    own = (subject.predictions == subject.predictions.bincount().argmax()).nonzero()[:, 0]
    assert torch.equal(given["own"], own[: concepts.MOST])
    mean = given["lens"].importance(data.inputs[given["own"]], int(subject.predictions[own[0]])).mean(0)
    share = round(100 * float((mean / mean.abs().sum()).max()))
    assert f"concept {int(mean.argmax())} ({share} % of its evidence)" in finding.sentence


def test_a_layer_with_negative_values_is_taken_apart_by_principal_components():
    model = net()
    with torch.no_grad():
        model[0].bias.fill_(-0.5)
    result = examine(model, halves(), instruments=["concepts"], layers=["0"])
    assert "method='pca'" in result.findings["concepts"].code


def test_networks_without_images_grids_or_enough_answers_say_why():
    table = Dataset(torch.randn(30, 5), torch.arange(30) % 3)
    (absence,) = examine(nn.Linear(5, 3), table, instruments=["concepts"]).absences
    assert "reads none" in absence.reason
    flat = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    (absence,) = examine(flat, halves(), instruments=["concepts"]).absences
    assert "keeps a grid" in absence.reason
    (absence,) = examine(net(), halves(8), instruments=["concepts"]).absences
    assert "at least 8" in absence.reason
