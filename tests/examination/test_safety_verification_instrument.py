"""The instrument that proves radii: what it says is what a network of known radii has."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netopsy.data import Dataset, Normalisation
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments.safety_verification import INSTRUMENT, Radii, _proved, passes
from netopsy.examination.subject import WORK, Subject
from netopsy.models import resnet18


def halves(channels: int = 1) -> nn.Module:
    """The mean of the upper half against that of the lower: an image's radius is half of their difference."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(channels * 16, 2))
    weight = torch.zeros(2, channels, 4, 4)
    weight[0, :, :2], weight[1, :, 2:] = 1 / (8 * channels), 1 / (8 * channels)
    net[1].weight.data, net[1].bias.data = weight.flatten(1), torch.zeros(2)
    return net


def images(count: int = 12, channels: int = 1) -> Dataset:
    """Half of the images are brighter above, by 20 grey levels: their radius is 10."""
    pixels = torch.full((count, channels, 4, 4), 0.5)
    pixels[::2, :, :2] += 20 / 255
    pixels[1::2, :, 2:] += 20 / 255
    return Dataset(pixels, torch.arange(count) % 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_radii_of_a_linear_network_are_enclosed(channels: int) -> None:
    found = INSTRUMENT.examine(Subject(halves(channels), images(channels=channels)))
    shares = {row[0]: row[1:] for row in found.table[1:]}
    assert shares["8"] == ("100 %", "0 %", "0 %")
    assert shares["16"] == ("0 %", "0 %", "100 %")
    assert found.figures["median proved radius, grey levels"] == pytest.approx(10, abs=0.6)
    assert "0 % stay unknown" in found.sentence
    assert len(found.pictures) == 2


def test_nothing_proved_is_never_called_a_proof(monkeypatch) -> None:
    from netopsy.examination.instruments import safety_verification as instrument

    for proved, says in (
        ([0.0] * 12, "For none of 12 images could a radius of 0.5"),
        ([4.0] * 5 + [0.0] * 7, "For 5 of 12"),
    ):
        radii = Radii(torch.tensor(proved), torch.full((12,), torch.inf))
        monkeypatch.setattr(instrument, "_radii", lambda *_, found=radii: found)
        finding = INSTRUMENT.examine(Subject(halves(), images()))
        assert finding.sentence.startswith(says)
        assert "which is proved" not in finding.sentence
        assert finding.glance.startswith("nothing is proved of most images")


def test_standardised_images_have_the_same_radii() -> None:
    plain = images()
    mean, std = torch.full((1, 1, 1), 0.5), torch.full((1, 1, 1), 0.25)
    shift = Normalisation(mean, std)
    data = Dataset(shift.apply(plain.inputs), plain.targets, normalisation=shift)
    subject = Subject(halves(), data)
    assert INSTRUMENT.applies(subject) is None
    assert INSTRUMENT.examine(subject).figures["median proved radius, grey levels"] == pytest.approx(10, abs=0.6)


def test_a_small_network_is_asked_completely_and_nothing_stays_unknown() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2))
    pixels = torch.rand(12, 1, 4, 4)
    subject = Subject(net, Dataset(pixels, net(pixels).argmax(1)), depth="thorough")
    found = INSTRUMENT.examine(subject)
    assert found.figures["images asked completely"] == 12
    assert all(row[2] == "0 %" for row in found.table[1:])
    assert "mixed-integer" in found.reading


def test_a_large_network_has_sound_bounds_only_within_its_share(unchecked) -> None:
    torch.manual_seed(0)
    net = resnet18(classes=4, widths=(4, 8, 8, 8)).eval()
    pixels = torch.rand(8, 3, 32, 32)
    subject = Subject(net, Dataset(pixels, net(pixels).argmax(1)), depth="quick")
    assert INSTRUMENT.applies(subject) is None
    found = INSTRUMENT.examine(subject)
    assert found.figures["linear relaxation"] == "no, intervals alone"
    assert "out of reach" in found.reading
    assert found.figures["images asked completely"] == 0
    whole = Subject(resnet18(classes=10).eval(), Dataset(torch.rand(8, 3, 64, 64), torch.arange(8)), depth="normal")
    with pytest.raises(NotNow, match="bounds of 4 images cost 516 passes, more than"):
        passes(whole)
    whole.__dict__["sample_cost"] = 1.5e9
    assert passes(whole) * whole.sample_cost < 4 * WORK


def test_what_no_bound_proves_is_said_of_the_radii_that_were_asked() -> None:
    found = Radii(torch.zeros(5), torch.full((5,), torch.inf), levels=(2, 8), least=0.25)
    assert _proved(found, 0.0) == "For none of 5 images could a radius of 0.25 of 255 grey levels a pixel be proved"
    found.proved[0] = 0.5
    assert _proved(found, 0.0).endswith("for others none of 0.25 grey levels")


def test_why_it_does_not_apply() -> None:
    flat = Subject(nn.Linear(4, 2), Dataset(torch.rand(6, 4), torch.arange(6) % 2))
    assert "no images" in (INSTRUMENT.applies(flat) or "")
    curved = nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.GELU())
    assert "GELU" in (INSTRUMENT.applies(Subject(curved, images())) or "")


def test_shares_add_up_to_one() -> None:
    radii = Radii(torch.tensor([0.0, 4.0, 9.0]), torch.tensor([2.0, torch.inf, 16.0]))
    assert radii.shares(4) == pytest.approx((2 / 3, 0, 1 / 3))
    assert radii.shares(8) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
