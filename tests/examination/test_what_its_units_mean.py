"""The instruments that match units with concepts and project their activations."""

import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import dissection, projections
from netopsy.models import mlp, small_conv_net

BOTH = ["projections", "dissection"]


def colour_data(n=40, size=12):
    random = torch.Generator().manual_seed(0)
    return Dataset(torch.rand(n, 3, size, size, generator=random), torch.arange(n) % 2, ("a", "b")).standardise()


def redness():
    """One unit that is the red channel less the others, one that is the brightness."""
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -1, -1], [1, 1, 1]])[:, :, None, None])
    return model


def test_a_unit_that_sees_red_is_found_in_the_datas_own_scale():
    subject = Subject(redness(), colour_data(size=32))
    finding = dissection.examine(subject)
    assert "of 2 units detect a concept" in finding.sentence
    assert "red" in finding.sentence
    assert len(finding.pictures) == 2
    assert finding.figures["concepts detected at 0"] >= 1
    assert finding.table[1][:2] == ("0", "2")


def test_concept_images_take_the_range_of_the_data():
    data = Dataset(200 * torch.rand(20, 1, 8, 8) - 50, torch.arange(20) % 2)
    subject = Subject(small_conv_net((4,), (1,), classes=2), data)
    moved = dissection.as_inputs(torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), subject)
    assert moved.flatten().tolist() == pytest.approx([float(data.inputs.min()), float(data.inputs.max())], abs=1e-3)
    standard = colour_data()
    moved = dissection.as_inputs(torch.full((1, 3, 1, 1), 0.5), Subject(redness(), standard))
    torch.testing.assert_close(moved[0], standard.normalisation.apply(torch.full((3, 1, 1), 0.5)))


def test_both_on_the_digits(trained):
    model, _, test = trained
    result = examine(model, test, instruments=BOTH)
    assert list(result.findings) == BOTH
    assert "chance gives 2.6" in result.findings["projections"].sentence
    assert result.findings["projections"].figures["units"] == 8
    assert "distinct ones of 19" in result.findings["dissection"].sentence
    assert all(finding.pictures for finding in result.findings.values())


def test_top_images_of_one_class_are_counted():
    """Class 1 is bright: the brightness unit's top images are all of it."""
    data = Dataset(
        torch.rand(40, 1, 8, 8) * 0.1 + (torch.arange(40) % 2)[:, None, None, None] * 0.8, torch.arange(40) % 2
    )
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0])[:, None, None, None])
    finding = projections.examine(Subject(model, data))
    assert finding.figures["of 9 top images in one class"] == 9
    assert finding.figures["units with all of one class"] == 2
    assert "guided" in finding.reading


def test_max_pooling_needs_no_guidance():
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(3, 4, 2), nn.Flatten(), nn.Linear(16, 2)
    )
    data = Dataset(torch.rand(12, 1, 8, 8), torch.arange(12) % 2)
    finding = projections.examine(Subject(model, data))
    assert "guided" not in finding.reading
    assert "guided=False" in finding.code


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_they_do_not_apply_to_is_said():
    table = Dataset(torch.randn(30, 5), torch.arange(30) % 3)
    assert all("reads n" in absence.reason for absence in examine(mlp([5, 4, 3]), table, instruments=BOTH).absences)
    flat = examine(mlp([64, 8, 2]), Dataset(torch.rand(20, 1, 8, 8), torch.arange(20) % 2), instruments=BOTH)
    assert ["keeps a grid" in absence.reason for absence in flat.absences] == [True, True]
    small = Dataset(torch.rand(20, 1, 4, 4), torch.arange(20) % 2)
    assert "fewer than 6 pixels" in dissection.why_not(Subject(small_conv_net((2,), (1,), classes=2), small))
    few = Dataset(torch.rand(4, 1, 8, 8), torch.arange(4) % 2)
    assert "at least 9 images" in projections.why_not(Subject(small_conv_net((2,), (1,), classes=2), few))
    scripted = torch.jit.script(small_conv_net((2,), (1,), classes=2))
    assert projections.why_not(Subject(nn.Sequential(nn.Conv2d(1, 1, 1), scripted), small)) is not None
