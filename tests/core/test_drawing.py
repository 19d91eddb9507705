import matplotlib as mpl
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from netopsy import InputError
from netopsy.core.drawing import (
    INK,
    LARGEST_SVG,
    PALETTE,
    figure,
    figure_grid,
    image_grid,
    label,
    panel,
    render,
    style,
    title,
)
from netopsy.core.image_drawing import show_image, tiled
from netopsy.interpretability.gallery import gallery
from netopsy.interpretability.overlay import overlay
from netopsy.lab.plots import mean_with_band

pytestmark = pytest.mark.usefixtures("laid_out")


def drawn():
    found, axes = figure()
    mean_with_band(axes, [1, 2, 3], [[1.0, 2.0, 3.0], [2.0, 3.0, 4.0], [0.0, 1.0, 2.0]], label="ours")
    with style():
        axes.legend()
    return found


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_the_same_figure_gives_the_same_bytes(ending):
    assert render(drawn(), ending) == render(drawn(), ending)


def test_svg_is_transparent_undated_and_readable_on_any_page():
    svg = render(drawn(), "svg").decode()
    assert "<dc:date>" not in svg
    assert INK in svg
    assert "#ffffff" not in svg
    assert "#000000" not in svg


def luminance(colour):
    channels = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_contrast_on_white_and_on_black():
    """The contrast ratio of WCAG 2: text-like 3.5 at least, coloured lines 2.3."""
    for colour, least in [(INK, 3.5), *((each, 2.3) for each in PALETTE)]:
        light = luminance(colour)
        assert 1.05 / (light + 0.05) >= least, colour
        assert (light + 0.05) / 0.05 >= least, colour


def test_nothing_global_is_changed():
    before = dict(mpl.rcParams)
    drawn()
    assert dict(mpl.rcParams) == before


def test_band_is_the_interval():
    _, axes = figure()
    mean_with_band(axes, [0.0], [[1.0], [2.0], [3.0]])
    (band,) = axes.collections
    low, high = band.get_datalim(axes.transData).intervaly
    assert (low, high) == pytest.approx((-0.4841, 4.4841), abs=1e-3)


def test_bad_input():
    _, axes = figure()
    with pytest.raises(InputError, match="one column for each x"):
        mean_with_band(axes, [1, 2], [[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="positive inches"):
        figure_grid(1, 1, 0.0, 1.0)
    with pytest.raises(InputError, match="ending must be one of svg, png, pdf, got 'gif'"):
        render(drawn(), "gif")


@settings(max_examples=40)
@example("$x$ and \\$ " * 5)
@example("$x$")
@example("_\\_^{}")
@example("")
@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("$\\\\{}^_"), max_size=100))
def test_any_text_can_be_drawn_and_is_drawn_as_it_is(text):
    safe = label(text, 30)
    drawn, formula = Text(0, 0, safe)._preprocess_math(safe)
    assert not formula
    assert 1 <= len(drawn) <= 30
    assert drawn.isprintable()
    assert label(safe, 30) == safe
    plain = " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())
    shown = f" {plain}" if plain.startswith("_") else plain
    if 0 < len(shown) <= 30:
        assert drawn == shown.replace(r"\$", "$")


@pytest.mark.parametrize("name", [r"cat$\x$", r"$\nonsense$", "a\x07\x1b[0m$^$", "n" * 300, "", "two\nlines"])
def test_titles_from_outside_are_drawn(name, recwarn):
    image, heat = torch.rand(1, 1, 4, 4), torch.rand(1, 4, 4)
    assert render(gallery(image, [name], row_titles=[name]))
    assert render(overlay(image, heat, titles=[name]))
    assert title("a\n\nb") == "a\n\nb"
    assert not recwarn.list


@pytest.mark.parametrize("name", ["layer \udc80", "a$\\x$"])
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_names_from_outside_are_drawn_as_ticks(name, ending):
    canvas, axes = figure()
    axes.set_xticks([0, 1], ["plain", name])
    axes.bar([0, 1], [1, 2])
    assert render(canvas, ending)


def test_an_image_is_shown_over_its_limits_and_no_larger_than_asked():
    first, second, third = image_grid(3, 2, 1.0, 1.0)
    show_image(first, torch.full((2, 8, 4), 0.5), largest=4)
    show_image(second, torch.tensor([[[-1.0, 3.0]]]))
    show_image(third, torch.full((3, 2, 2), 0.5), limits=(0.0, 2.0))
    shown = [np.asarray(ax.images[0].get_array()) for ax in (first, second, third)]
    assert [picture.shape for picture in shown] == [(4, 2), (1, 2), (2, 2, 3)]
    assert [picture.ravel()[0] for picture in shown] == [0.5, 0.0, 0.25]
    assert shown[1].max() == 1
    assert len(first.get_figure().axes) == 3


def test_a_panel_is_the_one_given():
    _, axes = figure()
    assert panel(axes) is axes


def heavy_figure():
    found, axes = figure()
    angles = np.linspace(0, 60, 10_000)
    axes.plot(np.cos(angles) * angles, np.sin(1.1 * angles) * angles)
    axes.scatter(angles, angles, s=1)
    return found


def test_a_heavy_figure_is_drawn_as_pixels_where_it_is_heavy():
    found = heavy_figure()
    svg = render(found, "svg")
    assert len(svg) <= LARGEST_SVG
    assert svg.count(b"<image") == 1
    assert b"<use" in svg  # the ticks are still drawn as lines
    assert svg == render(heavy_figure(), "svg")
    assert not any(artist.get_rasterized() for artist in found.findobj())
    assert b"<image" not in render(drawn(), "svg")


def test_tiles_are_the_images_row_by_row():
    images = torch.arange(6 * 2 * 4 * 4.0).reshape(6, 2, 4, 4)
    whole = tiled(images, columns=3)
    assert whole.shape == (2, 9, 14)
    for number, image in enumerate(images):
        row, column = divmod(number, 3)
        assert torch.equal(whole[:, 5 * row : 5 * row + 4, 5 * column : 5 * column + 4], image)
    assert bool((whole[:, 4] == images.max()).all())
    with pytest.raises(InputError, match="images must fill rows of 4"):
        tiled(images, columns=4)
