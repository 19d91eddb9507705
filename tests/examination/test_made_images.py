"""The instruments that make images: what classes and units prefer, what layers still know."""

from dataclasses import replace

import pytest
import torch
from hurried import hurry
from torch import nn

from netopsy.data import Dataset, digits_split
from netopsy.examination import Subject, examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import preferred_images, reconstruction
from netopsy.examination.instruments._synthesis import pixel_range, search_for, weighted_layers
from netopsy.models import mlp, small_conv_net

_, _, TEST = digits_split()
NAMES = ["preferred-images", "reconstruction"]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    hurry(monkeypatch)


@pytest.fixture
def template():
    """Two classes, the upper and the lower half; scores are the light there, less that in the other half."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat_interleave(32, 1))
    labels = torch.arange(40) % 2
    images = 0.2 * torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    images[labels == 0, :, :4] += 0.3
    images[labels == 1, :, 4:] += 0.3
    return net, Dataset(images, labels, classes=("upper", "lower"))


def test_the_preferred_images_of_halves_are_halves(template):
    net, data = template
    finding = examine(net, data, instruments=["preferred-images"]).findings["preferred-images"]
    assert finding.figures["answered with their class"] == 2
    assert finding.figures["share with a higher score than any held-out image"] == 1
    assert "the network answers 2 with their class, and 100 % reach a higher score" in finding.sentence
    assert "units" not in finding.figures  # no grid anywhere


def test_a_layer_that_keeps_all_and_one_that_keeps_two_numbers(template, monkeypatch):
    monkeypatch.setattr(reconstruction, "STEPS", 100)
    _, data = template
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.linalg.qr(net[1].weight).Q)
    finding = examine(net, data, instruments=["reconstruction"]).findings["reconstruction"]
    assert finding.figures["image error at 1"] < 0.02
    assert finding.figures["image error at 2"] > 0.5
    assert "2 is the first of 2 layers from which more than half is lost" in finding.sentence
    assert [row[0] for row in finding.table] == ["layer", "1", "2"]


def test_units_of_the_last_grid_are_driven_and_shown(trained):
    model, _, test = trained
    before = {name: value.clone() for name, value in model.state_dict().items()}
    result = examine(model, test, instruments=NAMES)
    assert not result.absences
    finding = result.findings["preferred-images"]
    assert finding.figures["classes"] == 10
    assert finding.figures["units"] == 8
    assert finding.figures["median times the strongest held-out image"] > 0
    assert len(finding.pictures) == 2
    assert "units of features.conv2" in finding.sentence
    errors = [
        result.findings["reconstruction"].figures[f"image error at {name}"] for name in ("features.conv1", "output")
    ]
    assert errors[0] < errors[1]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_chosen_classes_and_layers_are_looked_at(trained):
    model, _, test = trained
    result = examine(model, test, instruments=NAMES, classes=[3, 5], layers=["features.act1"])
    assert result.findings["preferred-images"].figures["classes"] == 2
    assert "features.act1" in result.findings["preferred-images"].sentence
    assert list(result.findings["reconstruction"].figures)[2:] == ["image error at features.act1"]


def test_the_lines_of_python_make_the_images_of_the_finding(trained):
    model, _, test = trained
    subject = Subject(model, test, classes_wanted=(3, 5), layers_wanted=("features.act1",))
    finding = preferred_images.examine(subject)
    given = {"model": model, "data": test}
    exec(finding.code, given)
    made = given["found"]
    with torch.no_grad():
        probability = model(made.images[:, 0]).softmax(1)[torch.arange(2), torch.tensor([3, 5])]
    assert finding.figures["median probability of the class"] == pytest.approx(float(probability.median()), abs=2e-3)


def test_standardised_colour_images_keep_the_range_of_their_pixels():
    images = torch.rand(30, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    data = Dataset(images, torch.arange(30) % 3).standardise()
    model = small_conv_net((4, 5), (1, 2), channels=3, classes=3)
    pixels = pixel_range(Subject(model, data))
    torch.testing.assert_close(
        data.normalisation.undo(pixels.low[None].expand(1, 3, 9, 7)), torch.zeros(1, 3, 9, 7), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(data.normalisation.undo(pixels.high[None].expand(1, 3, 9, 7)), torch.ones(1, 3, 9, 7))
    torch.testing.assert_close(pixels.shares(data.inputs), images)
    result = examine(model, data, instruments=NAMES)
    assert set(result.findings) == set(NAMES)


def test_without_a_normalisation_the_range_is_what_the_data_shows():
    data = Dataset(torch.randn(20, 1, 4, 4), torch.arange(20) % 2)
    pixels = pixel_range(Subject(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), data))
    assert float(pixels.low) == float(data.inputs.min())
    assert float(pixels.high) == float(data.inputs.max())


def test_layers_are_spread_over_the_depth_and_only_those_that_run():
    model = small_conv_net((4,) * 9, (1,) * 9)
    model.add_module("spare", nn.Linear(3, 3))
    model.forward = lambda x: nn.Sequential(*list(model.children())[:-1])(x)
    subject = Subject(model, TEST)
    assert weighted_layers(subject, 3) == ("features.conv1", "features.conv5", "output")
    assert len(weighted_layers(subject, 50)) == 10


@pytest.mark.parametrize("odd", ["none", "a table", "no numbers"])
def test_layers_without_a_tensor_of_numbers_are_left_out(odd):
    class Told(nn.Linear):
        def forward(self, x):
            return {"told": super().forward(x)}

    class Taken(nn.Module):
        def forward(self, x):
            return x["told"]

    between = {"none": [], "a table": [Told(4, 4), Taken()], "no numbers": [nn.Linear(4, 4)]}[odd]
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4), nn.Sequential(*between), nn.Linear(4, 10))
    if odd == "no numbers":
        nn.init.constant_(between[0].weight, torch.nan)
    found = weighted_layers(Subject(model, TEST), 50)
    assert found == (("1",) if odd == "no numbers" else ("1", "3"))


def test_a_network_that_is_too_large_for_the_depth_is_an_absence(trained):
    subject = Subject(trained[0], trained[2])
    subject.sample_cost = 1e12
    for instrument in (preferred_images, reconstruction):
        with pytest.raises(NotNow, match="`--depth thorough` may bring it in"):
            instrument.examine(subject)
    with pytest.raises(NotNow, match="depth thorough spends on it$"):
        search_for(replace(subject, depth="thorough"), [(10**9, 1)], steps=100, fewest=10)


def test_the_larger_the_network_the_fewer_images_are_made(trained):
    subject = Subject(trained[0], trained[2])
    sizes = ((8, 5), (4, 4), (2, 3))
    assert search_for(subject, sizes, steps=150, fewest=20) == (8, 5, 150)
    subject.sample_cost = 3e11 / (3 * 16 * 80)
    assert search_for(subject, sizes, steps=150, fewest=20) == (4, 4, 80)
    subject.sample_cost = 3e11 / (3 * 6 * 30)
    assert search_for(subject, sizes, steps=150, fewest=20) == (2, 3, 30)


def test_what_reads_no_images_is_left_alone():
    data = Dataset(torch.randn(30, 5), torch.arange(30) % 3)
    result = examine(mlp([5, 4, 3]), data, instruments=NAMES)
    assert not result.findings
    assert all("reads none" in absence.reason for absence in result.absences)
