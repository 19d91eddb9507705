import pytest
import torch
from matplotlib.figure import Figure

from netopsy import InputError
from netopsy.interpretability.overlay import overlay


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_each_image_gets_its_map_and_title(channels):
    maps = torch.rand(10, 3, 4, requires_grad=True)
    figure = overlay(torch.randn(10, channels, 6, 8), maps, titles=[str(i) for i in range(10)])
    assert [ax.get_title() for ax in figure.axes] == [str(i) for i in range(10)]
    image, heat = figure.axes[3].get_images()
    assert image.get_array().shape == heat.get_array().shape == (6, 8)
    highest = heat.get_array().argmax()
    assert heat.get_alpha().flatten()[highest] == heat.get_alpha().max() == pytest.approx(0.75)


def test_colour_is_where_the_map_is_high_and_nowhere_where_it_is_constant():
    maps = torch.zeros(2, 4, 4)
    maps[0, 1, 2] = 5
    one, other = (ax.get_images()[1].get_alpha() for ax in overlay(torch.rand(2, 1, 4, 4), maps).axes)
    assert one[1, 2] == 0.75
    assert one.sum() == 0.75
    assert not other.any()


def test_draws_where_it_is_told_to():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert overlay(torch.rand(1, 1, 4, 4), torch.rand(1, 4, 4), right) is figure
    assert not left.get_images()
    assert len(right.get_images()) == 2


def test_the_picture_can_be_saved(tmp_path):
    overlay(torch.rand(2, 3, 8, 8), torch.rand(2, 8, 8)).savefig(tmp_path / "maps.png")
    assert (tmp_path / "maps.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("images", "maps", "options", "message"),
    [
        ((2, 1, 4, 4), (3, 4, 4), {}, "maps must be as many as images, 2, got 3"),
        ((2, 1, 4, 4), (2, 4, 4), {"titles": ["one"]}, "titles must be as many"),
        ((2, 1, 4, 4), (2, 4, 4), {"ax": Figure().subplots()}, "ax must be as many axes as images"),
        ((2, 1, 4, 4), (2, 4, 4), {"opacity": 2.0}, "opacity must be from 0 to 1"),
        ((0, 1, 4, 4), (0, 4, 4), {}, "at least one"),
        ((1, 4, 4), (1, 4, 4), {}, "batch"),
    ],
)
def test_bad_input_is_named(images, maps, options, message, unchecked):
    with pytest.raises(InputError, match=message):
        overlay(torch.rand(images), torch.rand(maps), **options)
