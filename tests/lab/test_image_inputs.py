"""Pictures become what a network takes: a digit like those of its data, a photograph of its size, or one sentence."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from netopsy.core.errors import InputError
from netopsy.data import Dataset, Normalisation, digits_split
from netopsy.lab.digit_pictures import as_digit, frame_of
from netopsy.lab.image_inputs import from_pixels, prepared
from netopsy.lab.sample_pictures import DIGITS, SAMPLES, sample_picture
from netopsy.models import small_conv_net

TRAIN, _, TEST = digits_split()
COLOURS = replace(TEST, inputs=TEST.inputs[:, :, :, :6].expand(-1, 3, -1, -1))


def drawn(size=(200, 260), box=(60, 50, 140, 210), width=18, ink=(20, 20, 90), paper=(235, 230, 215)):
    """An L of ink on paper."""
    image = Image.new("RGB", size, paper)
    left, top, right, bottom = box
    ImageDraw.Draw(image).line([(left, top), (left, bottom), (right, bottom)], fill=ink, width=width)
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)


def test_ink_is_bright_on_dark_whichever_way_the_picture_was():
    dark = prepared(drawn(), TEST)
    bright = prepared(1 - drawn(), TEST)
    assert torch.allclose(dark.pixels, bright.pixels, atol=1e-5)
    assert "dark on bright was turned into bright on dark" in dark.told
    assert "turned" not in bright.told
    assert (float(dark.pixels.min()), float(dark.pixels.max())) == (0.0, 1.0)
    assert dark.pixels.shape == (1, 8, 8)


def test_it_is_cut_to_the_ink_and_placed_as_the_digits_are():
    one = prepared(drawn(), TEST).pixels
    far = prepared(drawn((900, 700), (600, 40, 680, 200)), TEST).pixels
    large = prepared(drawn((400, 520), (120, 100, 280, 420), 36), TEST).pixels
    assert torch.allclose(one, far, atol=0.05)
    assert torch.allclose(one, large, atol=0.05)
    frame, own = frame_of(TEST.inputs), frame_of(one[None])
    assert own.rows == frame.rows == 8
    assert abs(own.middle[1] - frame.middle[1]) <= 1


def test_dirt_shadows_and_paper_do_not_count():
    clean = drawn()
    random = torch.Generator().manual_seed(0)
    rough = clean + 0.03 * torch.randn(clean.shape, generator=random)
    rough[:, 5:8, 5:8] = 0.1
    rough = (rough * torch.linspace(0.9, 1.0, rough.shape[2])).clamp(0, 1)
    assert float((prepared(rough, TEST).pixels - prepared(clean, TEST).pixels).abs().max()) < 0.2


def test_digits_of_the_data_stay_as_they_are():
    for image in TEST.inputs:
        assert torch.equal(as_digit(image.expand(3, -1, -1), TEST.inputs)[0], image[0])
    found = prepared(sample_picture("a three").pixels, TEST)
    assert "it has the network's own size" in found.told


def test_sample_digits_are_none_that_the_sample_network_was_trained_on():
    for name, label in DIGITS.items():
        found = sample_picture(name)
        assert found.shows == str(label)
        assert not (TRAIN.inputs == found.pixels[:1]).flatten(1).all(1).any()
    assert SAMPLES[0] == "a three"


def test_a_photograph_is_cut_from_the_middle_and_keeps_its_colours():
    picture = torch.zeros(3, 80, 300)
    picture[0, :, 120:180] = 1
    found = prepared(picture, COLOURS)
    assert found.pixels.shape == (3, 8, 6)
    assert torch.allclose(found.pixels[0], torch.ones(8, 6))
    assert found.told == "It was read as a photograph: the middle 60x80 of 300x80 pixels, resized to 6x8."
    grey = prepared(picture, TEST, "photograph")
    assert float(grey.pixels[0, 4, 4]) == pytest.approx(0.299)
    assert prepared(drawn(), COLOURS, "digit").pixels.shape == (3, 8, 6)


def test_a_network_is_fed_the_values_that_it_knows():
    model, data = small_conv_net((4, 4), (1, 2)).eval(), TEST.standardise()
    assert isinstance(data.normalisation, Normalisation)
    image = prepared(drawn(), data).pixels[None]
    assert torch.equal(image, prepared(drawn(), TEST).pixels[None])
    assert torch.allclose(from_pixels(model, data)(image), model(data.normalisation.apply(image)), atol=1e-5)
    assert from_pixels(model, TEST) is model


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (torch.ones(3, 1, 1), "nothing stands out from it: its brightness is from 1.00 to 1.00"),
        (torch.ones(3, 40, 40), "nothing stands out"),
        (torch.zeros(3, 40, 40), "nothing stands out"),
        (torch.ones(3, 50, 50).index_fill(2, torch.tensor([7]), 0.97), "nothing stands out"),
        (
            torch.zeros(3, 50, 50).index_put(
                (torch.tensor([0, 1, 2]), torch.tensor(9), torch.tensor(9)), torch.tensor(1.0)
            ),
            "at least 4 pixels high or wide, and this is 1x1",
        ),
    ],
)
def test_a_picture_of_nothing_is_told_so(picture, said):
    with pytest.raises(InputError, match=said):
        prepared(picture, TEST)


@pytest.mark.parametrize("shape", [(1, 20_000), (20_000, 1), (3, 6_000), (2, 2), (5, 7), (8, 9)])
@pytest.mark.parametrize("read_as", ["digit", "photograph"])
def test_odd_sizes_give_an_image_or_a_sentence(shape, read_as):
    picture = torch.rand(3, *shape, generator=torch.Generator().manual_seed(1))
    try:
        found = prepared(picture, TEST, read_as).pixels
    except InputError:  # its sentence is tested above
        return
    assert found.shape == (1, 8, 8)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


@pytest.mark.parametrize(
    ("like", "said"),
    [
        (Dataset(torch.rand(4, 2, 8, 8), torch.arange(4)), "images of 1 or 3 channels"),
        (Dataset(torch.rand(4, 64), torch.arange(4)), r"of the shape \(64,\)"),
        (Dataset(torch.rand(4, 1, 8, 8) * 255, torch.arange(4)), "from 0 to 1 before they are standardised"),
    ],
)
def test_a_network_that_takes_no_pictures_is_told_so(like, said):
    with pytest.raises(InputError, match=said):
        prepared(drawn(), like)
    with pytest.raises(InputError, match="read_as must be 'automatic' or 'digit' or 'photograph'"):
        prepared(drawn(), TEST, "scribble")
