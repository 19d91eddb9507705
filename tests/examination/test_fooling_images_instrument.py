"""What noise a network is sure of: networks whose answer to everything is known."""

import pytest
import torch
from torch import nn

from netopsy.data import Dataset, Normalisation
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import fooling_images as instrument
from netopsy.models import mlp
from netopsy.robustness.fooling_images import distance_to_real


class Sharp(nn.Module):
    """Which of the first pixels is the brightest, the more surely the sharper."""

    def __init__(self, classes, sharpness):
        super().__init__()
        self.classes, self.sharpness = classes, nn.Parameter(torch.tensor(sharpness))

    def forward(self, images):
        return self.sharpness * images.flatten(1)[:, : self.classes]


def data(count=30, channels=1, side=8, classes=4):
    images = 0.3 * torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(0))
    return Dataset(images, torch.arange(count) % classes)


def found_by(model, images, **options):
    return examine(model, images, instruments=["fooling-images"], depth="quick", **options)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_sharp_network_is_faked_in_every_class_and_a_flat_one_in_none(channels):
    sharp = found_by(Sharp(4, 40.0), data(channels=channels)).findings["fooling-images"]
    assert sharp.figures["classes faked by raw pixels"] == sharp.figures["classes"] == 4
    assert sharp.verdict == "doubtful"
    assert sharp.figures["median confidence"] >= 0.99
    assert "Of 4 classes 4 can be faked" in sharp.sentence
    assert float(sharp.figures["median distance to real images"]) > 1
    flat = found_by(Sharp(4, 0.1), data(channels=channels)).findings["fooling-images"]
    assert flat.figures["classes faked"] == 0
    assert flat.verdict == "plain"
    assert f"{flat.figures['images tried']} images found none" in flat.advice


def test_an_image_that_is_near_a_real_one_is_not_counted(monkeypatch):
    monkeypatch.setattr(instrument, "distance_to_real", lambda images, real: torch.full((len(images),), 0.9))
    found = instrument._search(Subject(Sharp(4, 40.0), data()), 10, 20)
    assert (found.confidence > 0.99).any()
    assert not found.faked.any()


def test_images_confidence_and_distance_are_those_of_the_network_and_of_the_data():
    subject = Subject(Sharp(4, 10.0), data(count=60))
    found = instrument._search(subject, 5, 10)
    for place, images in enumerate(found.images):
        torch.testing.assert_close(subject.model(images).softmax(1).diag().detach(), found.confidence[place])
        torch.testing.assert_close(found.distance[place], distance_to_real(images, subject.data.inputs))
    assert found.asked == 2 * 10 * 6


def test_standardised_images_are_searched_as_pixels():
    plain = data()
    normalisation = Normalisation(torch.full((1, 1, 1), 0.4), torch.full((1, 1, 1), 0.2))
    scaled = Dataset(normalisation.apply(plain.inputs), plain.targets, normalisation=normalisation)

    class Undoing(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Sharp(4, 20.0)

        def forward(self, x):
            return self.inner(normalisation.undo(x))

    pairs = (Sharp(4, 20.0), plain), (Undoing(), scaled)
    figures = [found_by(*pair).findings["fooling-images"].figures for pair in pairs]
    assert figures[0] == pytest.approx(figures[1], abs=1e-3)


def test_of_many_classes_a_sample_is_looked_at_and_chosen_ones_are_kept_to():
    many = Subject(Sharp(64, 20.0), data(count=64, classes=64))
    assert len(instrument._classes(many)) == 64
    model = nn.Sequential(nn.Flatten(), mlp([64, 300]))
    subject = Subject(model, data(count=30, classes=30))
    chosen = instrument._classes(subject)
    assert len(set(chosen)) == instrument.CLASSES == 100
    assert chosen == sorted(chosen) == instrument._classes(subject)
    assert max(chosen) > 200
    finding = found_by(model, data(count=30, classes=30)).findings["fooling-images"]
    assert "Of 100 classes, a sample of 300," in finding.sentence
    subject.choose_classes([7, 3])
    assert instrument._classes(subject) == [7, 3]


def test_the_work_is_fixed_by_depth_and_size_and_within_its_share():
    small = Subject(Sharp(4, 1.0), data())
    generations, batch = instrument._plan(small)
    assert 2 * batch * (generations + 1) == instrument.MOST
    small.depth = "quick"
    assert 2 * instrument._plan(small)[1] * (instrument._plan(small)[0] + 1) == instrument.MOST // 4
    large = Subject(Sharp(4, 1.0), data())
    large.sample_cost = 6e9  # a ResNet-18 on 64x64 pixels
    generations, batch = instrument._plan(large)
    assert generations >= 4
    assert 2 * batch * (generations + 1) == instrument.FEWEST
    assert instrument.passes(large) == 2 * batch * (generations + 2)


def test_a_network_surer_of_noise_than_of_real_images_is_doubtful():
    """Sure of what is bright enough, which the evolved images are and the real ones are not."""
    finding = found_by(Sharp(4, 5.0), Dataset(0.02 * data().inputs, data().targets)).findings["fooling-images"]
    assert finding.figures["classes faked"] == 0
    assert finding.verdict == "doubtful"
    assert finding.glance.startswith("surer of noise or patterns")


def test_one_real_image_leaves_the_distance_unknown():
    finding = found_by(Sharp(4, 40.0), data(count=1)).findings["fooling-images"]
    assert finding.figures["median distance to real images"] == "unknown"
    assert "times as far" not in finding.sentence


def test_what_reads_no_pixels_is_told_why():
    rows = Dataset(torch.rand(10, 6), torch.arange(10) % 2)
    (absence,) = found_by(nn.Linear(6, 2), rows).absences
    assert "this network reads no images" in absence.reason
    wide = data()
    (absence,) = found_by(Sharp(4, 1.0), Dataset(9 * wide.inputs, wide.targets)).absences
    assert "say how they were standardised" in absence.reason


def test_double_precision_is_searched_too():
    images = data()
    wide = Dataset(images.inputs.double(), images.targets)
    finding = found_by(Sharp(4, 40.0).double(), wide).findings["fooling-images"]
    assert finding.figures["classes faked"] == 4
