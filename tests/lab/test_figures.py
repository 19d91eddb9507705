import matplotlib as mpl
import numpy as np
import pytest

from netopsy import InputError
from netopsy.lab.figures import INK, PALETTE, figure, figure_grid, mean_with_band, render, style
from netopsy.lab.files import LARGEST_SVG


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


def heavy_figure():
    found, axes = figure()
    angles = np.linspace(0, 60, 20_000)
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


def test_bad_input():
    _, axes = figure()
    with pytest.raises(InputError, match="one column for each x"):
        mean_with_band(axes, [1, 2], [[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="positive inches"):
        figure_grid(1, 1, 0.0, 1.0)
    with pytest.raises(InputError, match="ending must be one of svg, png, pdf, got 'gif'"):
        render(drawn(), "gif")
