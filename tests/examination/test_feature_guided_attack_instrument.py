"""How few pixels change an answer, on networks of which it is known."""

import pytest
import torch
from torch import nn

from netopsy.data import Dataset, Normalisation
from netopsy.examination import Subject
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import feature_guided_attack as instrument
from netopsy.models import mlp, resnet18

pytestmark = pytest.mark.usefixtures("unchecked")
COUNT = 3


class Bright(nn.Module):
    """Class 1 where the mean of all pixels is above a half."""

    def forward(self, images):
        odds = 20 * (images.mean((1, 2, 3)) - 0.5)
        return torch.stack([-odds, odds], 1)


class Certain(nn.Module):
    """Class 0, whatever it is shown."""

    def forward(self, images):
        return torch.stack([images.mean((1, 2, 3)) + 1, images.mean((1, 2, 3))], 1)


def halves(channels=1, side=8, extra=2):
    """Black images with a white left half and so many white pixels less: one more than those must be lit."""
    images = torch.zeros(COUNT, channels, side, side)
    images[:, :, :, : side // 2] = 1
    images[:, :, :extra, 0] = 0
    return Dataset(images, torch.zeros(COUNT, dtype=torch.int64))


@pytest.mark.parametrize("channels", [1, 3])
def test_it_finds_the_fewest_pixels_where_they_are_known(channels):
    subject = Subject(Bright(), halves(channels))
    finding = instrument.examine(subject)
    assert finding.figures["changed, by keypoints"] == finding.figures["images"] == COUNT
    assert finding.figures["pixels, median by keypoints"] == finding.figures["fewest"] == 3
    assert finding.figures["pixels, median by random regions"] == 3
    assert "in the median 3 pixels change the answer" in finding.sentence
    assert "keypoints are no better guide here than chance" in finding.sentence
    assert finding.verdict == "plain"
    assert len(finding.pictures) == 1


def test_random_regions_may_ask_as_often_and_have_the_same_sizes():
    subject = Subject(Bright(), halves())
    for pair in instrument.search(subject):
        assert max(pair.guided.n_queries, pair.chance.n_queries) <= instrument.queries_of(subject)
        assert torch.equal(pair.guided.image, pair.chance.image)
        keypoints = pair.guided.keypoints
        own = instrument.keypoint_partition(keypoints, (8, 8)).flatten()
        other = instrument.random_regions(keypoints, (8, 8), 1).flatten()
        assert torch.equal(own.bincount(minlength=9), other.bincount(minlength=9))
        assert not torch.equal(own, other) or len(keypoints) == 1


def test_it_says_when_none_was_found():
    finding = instrument.examine(Subject(Certain(), halves()))
    assert "No right answer of 3 was changed within 400 questions" in finding.sentence
    assert finding.figures["changed, by keypoints"] == 0
    assert finding.pictures == ()
    assert "is not shown" in finding.advice


def test_a_single_pixel_that_decides_is_something_to_see_to():
    class Corner(nn.Module):
        def forward(self, images):
            odds = 20 * (images[:, 0, 0, 0] - 0.5)
            return torch.stack([-odds, odds], 1)

    finding = instrument.examine(Subject(Corner(), Dataset(torch.zeros(4, 1, 8, 8), torch.zeros(4).long())))
    assert "in the median 1 pixel changes the answer" in finding.sentence
    assert finding.verdict == "doubtful"


def test_standardised_images_are_changed_as_pixels():
    plain, normalisation = halves(), Normalisation(torch.full((1, 1, 1), 0.5), torch.full((1, 1, 1), 0.25))

    class After(Bright):
        def forward(self, images):
            return super().forward(0.5 + 0.25 * images)

    data = Dataset(normalisation.apply(plain.inputs), plain.targets, normalisation=normalisation)
    found = instrument.examine(Subject(After(), data))
    assert found.figures == instrument.examine(Subject(Bright(), plain)).figures


def test_it_needs_pixels_and_an_answer_that_is_right():
    rows = Dataset(torch.rand(8, 4), torch.arange(8) % 2)
    assert "reads no images" in instrument.why_no_pixels(Subject(mlp([4, 2]), rows))
    wrong = Dataset(halves().inputs, torch.ones(COUNT, dtype=torch.int64))
    with pytest.raises(NotNow, match="none"):
        instrument.examine(Subject(Certain(), wrong))


def test_a_large_network_is_asked_about_few_images():
    images = torch.rand(12, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    subject = Subject(resnet18(classes=10).eval(), Dataset(images, torch.arange(12) % 10))
    assert instrument.count_of(subject) == instrument.FEWEST
    assert instrument.FEWEST_QUERIES <= instrument.queries_of(subject) <= instrument.QUERIES
    assert instrument.passes(subject) <= 2 * instrument.FEWEST * instrument.QUERIES
