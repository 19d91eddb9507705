import matplotlib as mpl
import pytest
import torch
from tests.robustness.safety_verification.nets import image_for, small

from netopsy import InputError
from netopsy.core.drawing import figure
from netopsy.robustness.safety_verification import (
    Region,
    certified_radius,
    grid_points,
    input_region,
    min_adversarial_radius,
    propagate_region,
    verify,
)

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (((), (), ()), "dims"),
        (((0,), (0.0,), (1,)), "span must be above 0"),
        (((0,), (-1.0,), (1,)), "span must be above 0"),
        (((0,), (0.1,), (0,)), "count must be 1"),
        (((0, 0), (0.1, 0.1), (1, 1)), "different"),
        (((0, 1), (0.1,), (1, 1)), "numbers as dims"),
    ],
)
def test_regions_that_are_none(parts, message):
    with pytest.raises(InputError, match=message):
        Region(*parts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_dims": 0}, "n_dims"),
        ({"n_dims": 17}, "n_dims"),
        ({"strategy": "some"}, "strategy"),
        ({"strategy": [99]}, "dims must be from 0 to 15"),
        ({"strategy": []}, "dims"),
        ({"span": 0.0}, "span"),
        ({"count": 0}, "count"),
    ],
)
def test_regions_of_images_that_are_none(options, message):
    with pytest.raises(InputError, match=message):
        input_region(image_for(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "unknown method"),
        ({"margin": 0.0}, "margin"),
        ({"timeout": 0.0}, "timeout"),
        ({"nodes": 0}, "nodes"),
        ({"mode": "zigzag"}, "mode"),
        ({"bounds": (0.4, 0.6)}, "image must lie within"),
        ({"region": Region((99,), (0.1,), (1,))}, "dims must be below 16"),
        ({"region": Region(tuple(range(16)), (0.1,) * 16, (2,) * 16), "method": "grid"}, "more than 2e"),
        ({"image": torch.full((1, 4, 4), torch.nan)}, "NaN"),
        ({"image": torch.zeros(4, 4)}, "channels, height, width"),
    ],
)
def test_questions_that_are_none(options, message):
    given = {"image": image_for(), "region": Region((0,), (0.1,), (1,))} | options
    with pytest.raises(InputError, match=message):
        verify(small("dense"), **given)


def test_a_grid_beyond_all_measure_ends_with_its_time():
    region = Region(tuple(range(16)), (0.1,) * 16, (5,) * 16)
    found = verify(small("dense"), image_for(), region, method="grid", timeout=0.5)
    assert found.status in ("unknown", "unsafe")
    assert found.seconds < 5


def test_layers_that_lie_before_or_cannot_be_refined():
    net, image = small("dense"), image_for()
    region = propagate_region(net, image, input_region(image, span=0.1), "2", span=0.1)
    with pytest.raises(InputError, match="behind"):
        propagate_region(net, image, region, "1", span=0.1)
    with pytest.raises(InputError, match="give span"):
        propagate_region(net, image, input_region(image, strategy="all"), "1")


def test_radii():
    with pytest.raises(InputError, match="grid"):
        min_adversarial_radius(small("dense"), image_for(), method="grid")
    with pytest.raises(InputError, match="tolerance"):
        min_adversarial_radius(small("dense"), image_for(), tolerance=0.0)
    with pytest.raises(InputError, match="steps"):
        certified_radius(small("dense"), image_for()[None], steps=0)
    with pytest.raises(InputError, match="mode"):
        grid_points(input_region(image_for()), image_for(), mode="zigzag")


def test_a_verdict_draws_its_pixels_and_its_counterexample():
    net, image = small("dense", seed=0), image_for(0)
    safe = verify(net, image, input_region(image, n_dims=3, span=1e-3)).plot(figure()[1])
    assert len(safe.lines[0].get_xdata()) == 3
    assert "safe: class" in safe.get_title(loc="left")
    broken = verify(net, image, input_region(image, n_dims=8, span=1.0)).plot(figure()[1])
    assert "unsafe: class" in broken.get_title(loc="left")
    assert broken.images[0].get_array().shape[1] == 3 * 4 + 2
    assert mpl.get_backend().lower() == "agg"
