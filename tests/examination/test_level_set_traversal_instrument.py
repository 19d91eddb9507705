"""Blind spots of networks whose level sets are known, on the images that people have."""

import pytest
import torch
from torch import nn

from netopsy.core.drawing import PALETTE
from netopsy.data import Dataset, Normalisation
from netopsy.examination import Subject, examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import level_set_traversal as instrument
from netopsy.models import mlp, resnet18


class Corner(nn.Module):
    """Two classes by the brightness of one pixel: all else is a blind spot."""

    def forward(self, images):
        odds = 20 * (images[:, 0, 0, 0] - 0.5)
        return torch.stack([-odds, odds], 1)


class Everything(nn.Module):
    """Two classes by the mean of all pixels, steeply: whatever resembles the target has its mean."""

    def forward(self, images):
        odds = 60 * (images.mean((1, 2, 3)) - 0.5)
        return torch.stack([-odds, odds], 1)


def corners(count=40, channels=1, side=8):
    """Noise whose first pixel says the class."""
    labels = torch.arange(count) % 2
    images = torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(0))
    images[:, 0, 0, 0] = 0.1 + 0.8 * labels
    return Dataset(images, labels)


def flat(count=40):
    """Dark and bright images without anything else."""
    labels = torch.arange(count) % 2
    own = torch.linspace(0.05, 0.15, count)
    return Dataset((own + 0.75 * labels)[:, None, None, None].expand(count, 1, 8, 8).contiguous(), labels)


def test_a_network_that_sees_one_pixel_is_blind_to_the_rest():
    subject = Subject(Corner(), corners())
    finding = instrument.examine(subject)
    found = instrument.reach(subject)
    assert finding.figures["pairs"] == 60
    assert finding.figures["ends most like the target"] == 60
    assert finding.figures["of straight lines"] < 30
    assert finding.verdict == "doubtful"
    torch.testing.assert_close(found.walk.final[:, 0, 0, 0], found.walk.source[:, 0, 0, 0], atol=0.03, rtol=0)
    others = (found.walk.final - found.walk.target).abs().flatten(1)[:, 1:]
    assert float(others.mean()) < 0.05
    assert finding.figures["segments without a loss"] == 1
    assert "Of 60 walks" in finding.sentence


def test_a_network_whose_classes_differ_in_nothing_else_has_no_blind_spot():
    finding = instrument.examine(Subject(Everything(), flat()))
    assert finding.figures["ends most like the target"] == 0
    assert finding.verdict == "good"
    assert [row[4] for row in finding.table[1:]] == ["none", "none"]


def test_the_table_names_the_classes_inside():
    data = corners()
    named = Dataset(data.inputs, data.targets, ("dark $x$", "bright"))
    table = instrument.examine(Subject(Corner(), named)).table
    assert [row[0] for row in table] == ["from images of", "dark $x$", "bright"]
    assert [row[4] for row in table[1:]] == ["bright", "dark $x$"]
    assert [row[1] for row in table[1:]] == ["30", "30"]


def test_sources_take_turns_and_targets_are_of_other_classes(trained):
    model, _, test = trained
    subject = Subject(model, test)
    sources, targets = instrument.pairs(subject, 60)
    assert torch.equal(sources[::2], sources[1::2])
    labels, goals = subject.labels[sources], subject.labels[targets]
    assert not bool((labels == goals).any())
    assert labels.bincount().tolist() == [6] * 10
    assert len({*zip(labels.tolist(), goals.tolist(), strict=True)}) == 60
    assert bool((subject.predictions == subject.labels)[torch.cat([sources, targets])].all())
    wanted = Subject(model, test, classes_wanted=(3,))
    assert set(wanted.labels[instrument.pairs(wanted, 8)[0]].tolist()) == {3}


def test_without_two_classes_that_it_knows_there_is_no_walk():
    data = corners()
    subject = Subject(Corner(), Dataset(data.inputs, torch.zeros(40, dtype=torch.long)))
    with pytest.raises(NotNow, match="images of two classes"):
        instrument.examine(subject)


@pytest.mark.parametrize("channels", [1, 3])
def test_standardised_images_are_walked_through_as_pixels(channels):
    data = corners(channels=channels)

    class Seen(nn.Module):
        def forward(self, images):
            return Corner()(images * 0.2 + 0.4)

    scaled = data.standardise(Normalisation(torch.tensor(0.4), torch.tensor(0.2)))
    plain, same = (instrument.examine(Subject(*each)).figures for each in ((Corner(), data), (Seen(), scaled)))
    assert plain == pytest.approx(same, abs=0.02)


def test_perceptrons_and_transformers_have_level_sets_too(monkeypatch):
    monkeypatch.setattr(instrument, "MOST", 18)

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Conv2d(3, 16, 4, stride=4)
            self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
            self.head = nn.Linear(16, 3)

        def forward(self, images):
            return self.head(self.block(self.embed(images).flatten(2).transpose(1, 2)).mean(1))

    torch.manual_seed(0)
    images = torch.rand(60, 3, 16, 16)
    for model in (mlp([768, 8, 3]), Tokens()):
        last = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
        with torch.no_grad():
            last.bias -= model.eval()(images).mean(0)  # so that every class is named
            labels = model(images).argmax(1)
        finding = examine(model, Dataset(images, labels), instruments=["level-set-traversal"]).findings
        assert finding["level-set-traversal"].figures["pairs"] == 18


def test_a_large_network_has_fewer_pairs_and_shorter_walks():
    data = Dataset(torch.rand(12, 3, 64, 64), torch.arange(12) % 3)
    large, small = Subject(resnet18(classes=3).eval(), data), Subject(Corner(), corners())
    assert (instrument.steps_of(small), instrument.count_of(small)) == (instrument.LONG, instrument.MOST)
    assert (instrument.steps_of(large), instrument.count_of(large)) == (instrument.SHORT, 2)
    assert instrument.passes(large) < 500
    assert instrument.passes(small) > 10 * instrument.passes(large)


def test_it_says_why_it_does_not_apply():
    rows = Dataset(torch.rand(20, 5), torch.arange(20) % 2)
    (absence,) = examine(mlp([5, 4, 2]), rows, instruments=["level-set-traversal"]).absences
    assert "reads no images" in absence.reason
    data = corners()
    (absence,) = examine(Corner(), Dataset(data.inputs * 9, data.targets), instruments=["level-set-traversal"]).absences
    assert "changes pixels from 0 to 1" in absence.reason


def test_the_pictures_have_sources_ends_controls_and_targets():
    subject = Subject(Corner(), corners())
    found = instrument.reach(subject)
    drawn = instrument._walks(subject, found)
    assert len(drawn.axes) == 4 * instrument.SHOWN
    assert [ax.get_xlabel() for ax in drawn.axes[-2:]] == [str(int(found.goals[pair])) for pair in (8, 10)]
    left, right = instrument._segments(found).axes[:2]
    assert {line.get_color() for line in left.lines} == {PALETTE[0], PALETTE[1]}
    assert [each.get_text() for each in right.texts] == ["source", "end 1", "end 2"]
