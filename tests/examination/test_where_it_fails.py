"""Corruptions, coverage, doubtful labels, mistakes by file, and what was fed in, against answers worked out by hand."""

import csv

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netopsy.core.errors import InputError
from netopsy.core.memory import check_bytes, most_bytes
from netopsy.data import Dataset, Normalisation, image_folder
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import corruptions, coverage, inputs, latency
from netopsy.examination.instruments.label_issues import label_issues


def images(count=24, channels=3, side=16):
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(0))


class Mean(nn.Module):
    """Two classes: darker or brighter than the middle; whatever leaves the mean alone leaves the answer alone."""

    def forward(self, x):
        return torch.stack([0.5 - x.mean((1, 2, 3)), x.mean((1, 2, 3)) - 0.5], 1)


def halves(count=40, channels=3, side=16):
    """Dark and bright images, so that `Mean` is always right."""
    labels = torch.arange(count) % 2
    return Dataset(0.3 * images(count, channels, side) + 0.6 * labels[:, None, None, None], labels)


@pytest.mark.parametrize("name", corruptions.CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_corruption_keeps_shape_and_range_and_grows_with_its_strength(name, channels):
    data = Dataset(images(channels=channels), torch.arange(24) % 2)
    subject = Subject(Mean(), data)
    indices = torch.arange(24)
    away = []
    for strength in corruptions.STRENGTHS:
        made = corruptions.corrupted(subject, indices, name, strength)
        assert made.shape == data.inputs.shape
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
        assert torch.equal(made, corruptions.corrupted(subject, indices, name, strength))
        away.append(float((made - data.inputs).square().mean()))
    assert away[0] > 0
    assert away == sorted(away) or name == "shift"  # where a shift ends hardly matters once it is beyond the grain


def test_noise_of_an_image_does_not_depend_on_the_others():
    subject = Subject(Mean(), Dataset(images(), torch.arange(24) % 2))
    together = corruptions.corrupted(subject, torch.tensor([3, 7]), "noise", 2)
    assert torch.equal(together[1:], corruptions.corrupted(subject, torch.tensor([7]), "noise", 2))


def test_corruptions_by_hand():
    flat = np.full((8, 8, 1), 0.5, np.float32)
    random = np.random.default_rng(0)
    assert corruptions._brightness(flat, 3, random) == pytest.approx(0.65)
    two = np.concatenate([flat[:4] - 0.4, flat[4:] + 0.4])
    assert np.unique(corruptions._contrast(two, 2, random)) == pytest.approx([0.3, 0.7])
    assert corruptions._blur(flat, 5, random) == pytest.approx(0.5)
    ramp = np.tile(np.arange(40, dtype=np.float32)[:, None, None], (1, 40, 1))
    moved = corruptions._shift(ramp, 2, np.random.default_rng(0))
    assert set(np.unique(np.abs(moved - ramp)[2:-2])) == {2.0}


def test_standardised_images_are_corrupted_as_pixels():
    data = Dataset(images(), torch.arange(24) % 2)
    scaled = data.standardise(Normalisation(torch.tensor(0.4), torch.tensor(0.2)))
    plain = corruptions.corrupted(Subject(Mean(), data), torch.arange(4), "contrast", 3)
    made = corruptions.corrupted(Subject(Mean(), scaled), torch.arange(4), "contrast", 3)
    torch.testing.assert_close(made, (plain - 0.4) / 0.2)


def test_what_the_mean_survives_and_what_it_does_not():
    finding = examine(Mean(), halves(), instruments=["corruptions"]).findings["corruptions"]
    assert finding.figures["accuracy, clean"] == 1
    for kept in ("noise", "blur", "contrast", "shift", "JPEG compression"):
        assert finding.figures[f"mean accuracy under {kept}"] == 1
    # Dark images have a mean near .15: from .35 on, which no strength reaches, they would be taken for bright ones.
    assert finding.figures["mean accuracy under brightness"] == 1
    dim = Dataset(halves().inputs * torch.where(halves().targets == 0, 2.6, 1.0)[:, None, None, None], halves().targets)
    worse = examine(Mean(), dim, instruments=["corruptions"]).findings["corruptions"]
    assert worse.figures["mean accuracy under brightness"] < 1
    assert "brightness harms most" in worse.glance


@pytest.mark.parametrize(("count", "verdict"), [(40, "plain"), (120, "good")])
def test_few_images_are_no_praise(count, verdict):
    finding = examine(Mean(), halves(count, side=4), instruments=["corruptions"]).findings["corruptions"]
    assert finding.verdict == verdict
    assert ("so few images" in finding.advice) == (verdict == "plain")


def test_pixels_of_another_range_are_not_corrupted():
    data = Dataset(255 * images(), torch.arange(24) % 2)
    (absence,) = examine(Mean(), data, instruments=["corruptions"]).absences
    assert "from 0 to 1" in absence.reason
    assert "--mean" in absence.reason


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=30))
def test_risk_and_coverage_are_what_counting_gives(answers):
    confidence = np.array([value / 8 for value, _ in answers])
    right = np.array([each for _, each in answers])
    shares, errors = coverage.risk_coverage(confidence, right)
    expected = [
        ((confidence >= least).mean(), 1 - right[confidence >= least].mean())
        for least in sorted(set(confidence.tolist()), reverse=True)
    ]
    np.testing.assert_allclose(np.stack([shares, errors], 1), expected)
    area, best, chance = coverage.areas(shares, errors, right)
    assert best <= chance + 1e-12
    assert best - 1e-12 <= area or len(set(confidence.tolist())) < len(confidence)


def test_confidence_that_sorts_perfectly_reaches_the_best():
    confidence, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, True, False])
    area, best, chance = coverage.areas(*coverage.risk_coverage(confidence, right), right)
    assert (area, best, chance) == pytest.approx((1 / 16, 1 / 16, 0.25))


def test_swapped_labels_are_found():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 3
    probabilities = (6 * nn.functional.one_hot(labels, 3) + torch.randn(300, 3, generator=random)).softmax(1)
    swapped = torch.tensor([5, 77, 200])
    given_labels = labels.clone()
    given_labels[swapped] = (labels[swapped] + 1) % 3
    found = label_issues(probabilities, given_labels).nonzero()[:, 0].tolist()
    assert set(swapped.tolist()) <= set(found)
    assert len(found) <= 6
    assert not label_issues(nn.functional.one_hot(labels, 3).float(), labels).any()


def half_right(right):
    """A four-class table look-up that is right on ``right`` of 80 samples."""
    labels = torch.arange(80) % 4
    answers = torch.where(torch.arange(80) < right, labels, (labels + 1) % 4)
    rows = torch.nn.functional.one_hot(answers, 4).float() * 2
    return nn.Sequential(nn.Flatten(), nn.Identity()), Dataset(rows, labels)


@pytest.mark.parametrize(("right", "verdict"), [(78, "good"), (50, "plain"), (40, "doubtful")])
def test_what_counts_as_good_leaves_more_than_half_of_chance_behind(right, verdict):
    examined = examine(*half_right(right), instruments=["accuracy", "label-issues"])
    assert examined.findings["accuracy"].verdict == verdict
    assert ("label-issues" in examined.findings) == (verdict == "good")
    if verdict != "good":
        assert "mistake of its own" in examined.absences[0].reason


def test_inputs_that_do_not_fit_their_standardisation_are_told():
    data = halves()
    assert inputs.examine(Subject(Mean(), data)).verdict == "plain"
    twice = Dataset(data.inputs, data.targets, normalisation=Normalisation(torch.tensor(0.5), torch.tensor(0.1)))
    fits = inputs.examine(Subject(Mean(), data.standardise(Normalisation(torch.tensor(0.5), torch.tensor(0.1)))))
    assert (fits.verdict, fits.figures["mean taken off"]) == ("plain", "0.5")
    bytes_ = inputs.examine(Subject(Mean(), Dataset(255 * data.inputs, data.targets)))
    assert bytes_.verdict == "doubtful"
    assert "Pixels up to 255" in bytes_.sentence
    far = Dataset(20 * data.inputs, data.targets, normalisation=twice.normalisation)
    assert "does not fit these data" in inputs.examine(Subject(Mean(), far)).sentence


def test_latency_is_measured_for_batches_there_are_samples_for():
    finding = latency.examine(Subject(Mean(), halves()[:5]))
    assert [row[0] for row in finding.table[1:]] == ["1", "2", "4"]


def test_mistakes_are_named_by_their_files(tmp_path):
    from PIL import Image

    for name, grey in (("dark", 20), ("bright", 240)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(8):
            Image.new("L", (8, 8), grey).save(tmp_path / "data" / name / f"=x{number}.png")
    Image.new("L", (8, 8), 250).save(tmp_path / "data" / "dark" / "odd.png")
    data = image_folder(tmp_path / "data")
    assert data.files[0] == "bright/=x0.png"
    assert data[torch.tensor([3, 1])].files == (data.files[3], data.files[1])
    model = nn.Sequential(Mean())

    class Turned(nn.Module):
        def forward(self, x):
            return model(x).flip(1)  # folders are in the order of their names: bright, dark

    result = examine(Turned(), data, instruments=["confusions"])
    assert "dark/odd.png" in str(result.findings["confusions"].table)
    result.save(tmp_path / "report")
    rows = list(csv.reader((tmp_path / "report" / "mistakes.csv").open()))
    assert rows[1][:3] == ["dark/odd.png", "dark", "bright"]
    assert len(rows) == 2


def test_memory_has_a_limit(monkeypatch):
    monkeypatch.setenv("NETOPSY_MAX_BYTES", "1000")
    assert most_bytes() == 1000
    with pytest.raises(InputError, match="NETOPSY_MAX_BYTES raises the limit"):
        check_bytes(1001, "the file")
    monkeypatch.setenv("NETOPSY_MAX_BYTES", "lots")
    with pytest.raises(InputError, match="positive number of bytes"):
        most_bytes()


def test_a_folder_that_does_not_fit_is_sampled_and_says_so(tmp_path, monkeypatch):
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(10):
            Image.new("L", (8, 8), 20 * number).save(tmp_path / name / f"{number}.png")
    monkeypatch.setenv("NETOPSY_MAX_BYTES", str(6 * 8 * 8 * 9))
    with pytest.warns(UserWarning, match="6 of 20 images were taken"):
        data = image_folder(tmp_path, channels=1)
    assert data.targets.bincount().tolist() == [3, 3]


def test_images_are_scaled_and_cut_as_asked(tmp_path):
    from PIL import Image

    (tmp_path / "a").mkdir()
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 20:40] = 255
    Image.fromarray(pixels).save(tmp_path / "a" / "0.png")
    data = image_folder(tmp_path, size=10, resize=20, interpolation="nearest")
    assert data.inputs.shape == (1, 3, 10, 10)
    assert float(data.inputs.min()) == 1  # the middle third
    with pytest.raises(InputError, match="resize must be at least the size"):
        image_folder(tmp_path, size=10, resize=9)
