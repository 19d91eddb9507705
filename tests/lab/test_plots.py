import pandas as pd
import pytest
import torch

from netopsy import InputError
from netopsy.core.drawing import figure
from netopsy.lab.pictures import from_text, mosaic, overlays, to_text
from netopsy.lab.plots import bars, dots, growth, growths, intervals, lines, mean_with_band, panels
from netopsy.lab.statistics import mean_interval

pytestmark = pytest.mark.usefixtures("laid_out")

TABLE = pd.DataFrame(
    {"seed": seed, "size": size, "method": method, "value": float(size * (number + 1) + seed)}
    for seed in range(3)
    for size in (10, 20)
    for number, method in enumerate(("ours", "theirs"))
)


def test_band_is_the_interval():
    _, axes = figure()
    mean_with_band(axes, [0.0], [[1.0], [2.0], [3.0]])
    (band,) = axes.collections
    low, high = band.get_datalim(axes.transData).intervaly
    assert (low, high) == pytest.approx((-0.4841, 4.4841), abs=1e-3)


def test_samples_that_do_not_fit_are_refused():
    _, axes = figure()
    with pytest.raises(InputError, match="one column for each x"):
        mean_with_band(axes, [1, 2], [[1.0, 2.0, 3.0]])


def test_lines_are_means_by_name_in_the_order_asked_for():
    _, axes = figure()
    lines(axes, TABLE, x="size", by="method", names=["theirs", "ours", "absent"], labels={"ours": "Ours"})
    assert [line.get_label() for line in axes.lines] == ["theirs", "Ours"]
    assert axes.lines[0].get_xydata().tolist() == [[10, 21], [20, 41]]


def test_places_say_where_words_are_drawn():
    _, axes = figure()
    lines(axes, TABLE, x="method", places={"theirs": 0.0, "ours": 2.0})
    assert axes.lines[0].get_xydata().tolist() == [[0, 31], [2, 16]]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["theirs", "ours"]


def test_intervals_lie_below_one_another_with_their_samples():
    _, axes = figure()
    intervals(
        axes, {"a": mean_interval([1.0, 2.0, 3.0]), "b": mean_interval([4.0, 4.0, 4.0])}, samples={"a": [1.0, 3.0]}
    )
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]
    drawn = [line.get_xydata().tolist() for line in axes.lines]
    assert [[1, 0], [3, 0]] in drawn
    assert [[2, 0]] in drawn
    assert [[4, 1]] in drawn


def test_dots_are_runs_and_diamonds_their_means_in_lines():
    rows = [
        {"seed": seed, "method": method, "layer": layer, "value": seed + (method == "b") + 10 * (layer == "last")}
        for seed in range(3)
        for method in "ab"
        for layer in ("first", "last")
    ]
    _, ax = figure()
    dots(ax, pd.DataFrame(rows), by="method", beside="layer", names=("b", "a"))
    marks = [line for line in ax.lines if line.get_marker() == "D"]
    assert [float(line.get_xdata()[0]) for line in marks] == [2, 1, 12, 11]
    assert [round(float(line.get_ydata()[0])) for line in marks] == [0, 1, 0, 1]
    assert [line.get_label() for line in marks if not line.get_label().startswith("_")] == ["first", "last"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b", "a"]


def test_costs_by_several_sizes_stand_side_by_side():
    by_side = pd.DataFrame({"side": [8, 16], "method": "fit", "value": [1.0, 2.0]})
    by_units = by_side.rename(columns={"side": "units"})
    drawn = growths({"pixels": (by_side, "side"), "filters": (by_units, "units")}, "milliseconds", titles=("a", "b"))
    assert [(ax.get_xlabel(), ax.get_title()) for ax in drawn.axes] == [("pixels", "a"), ("filters", "b")]
    assert not drawn.legends
    both = pd.concat([by_side, by_side.assign(method="use")])
    drawn = growths({"pixels": (both, "side")}, "milliseconds")
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["fit", "use"]


def test_bars_are_means_in_groups():
    _, axes = figure()
    bars(axes, TABLE, by="size", beside="method")
    assert [bar.get_height() for bar in axes.patches] == [11, 21, 21, 41]
    assert axes.get_legend_handles_labels()[1] == ["ours", "theirs"]


def test_bars_may_lie():
    _, axes = figure()
    bars(axes, TABLE, by="size", beside="method", horizontal=True)
    assert [bar.get_width() for bar in axes.patches] == [11, 21, 21, 41]
    assert axes.yaxis_inverted()


def test_growth_is_logarithmic_both_ways():
    _, axes = figure()
    growth(axes, TABLE, x="size", by="method")
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.lines[1].get_ydata().tolist() == [21, 41]


def test_panels_have_a_title_each_and_one_legend():
    drawn = panels(dict(iter(TABLE.groupby("size"))), lambda ax, own: bars(ax, own, by="method"), columns=1)
    assert [ax.get_title() for ax in drawn.axes] == ["10", "20"]
    drawn = panels({"a": TABLE, ("b", 2): TABLE}, lambda ax, own: lines(ax, own, x="size", by="method"), legend=True)
    assert drawn.axes[1].get_title() == "b, 2"
    assert [text.get_text() for text in drawn.legends[0].texts] == ["ours", "theirs"]


def test_one_legend_has_the_labels_of_all_panels_once():
    drawn = panels(
        {"one": ["a"], "two": ["a", "b"]}, lambda ax, names: [ax.plot([0], label=n) for n in names], legend=True
    )
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["a", "b"]


def test_a_mosaic_has_its_pictures_in_squares_of_one_size_and_leaves_gaps():
    grey, colour = torch.tensor([[0.0, 1.0]]), torch.rand(3, 4, 4)
    drawn = mosaic({"first": [grey, None, colour], "second": [colour]}, ["a", "b", "c"])
    (ax,) = drawn.axes
    assert [image.get_array().shape for image in ax.images] == [(1, 2), (4, 4, 3), (4, 4, 3)]
    assert [image.get_extent()[0] for image in ax.images] == [0, 2, 0]
    assert {round(image.get_extent()[1] - image.get_extent()[0], 6) for image in ax.images} == {0.93}
    assert torch.equal(torch.as_tensor(ax.images[1].get_array()).movedim(-1, 0), colour)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]


def test_a_mosaic_has_room_for_its_longest_name():
    drawn = mosaic({"W" * 40: [torch.rand(3, 3)] * 2, "short": [None]}, inches=0.5)
    drawn.draw_without_rendering()
    (ax,) = drawn.axes
    assert min(each.get_window_extent().x0 for each in ax.get_yticklabels()) >= 0
    assert ax.get_window_extent().width == pytest.approx(2 * 0.5 * drawn.dpi, rel=0.15)


def test_maps_lie_over_the_image_of_their_row():
    pictures = {"image": torch.rand(4, 6), "map": torch.rand(2, 3)}
    drawn = overlays([("clean", pictures), ("noise", pictures)], boxes=[[0, 1, 2, 3]] * 2)
    assert [ax.get_title() for ax in drawn.axes] == ["image", "map", "", ""]
    assert [ax.texts[0].get_text() for ax in drawn.axes[::2]] == ["clean", "noise"]
    assert all(len(ax.images) == 2 for ax in drawn.axes)
    assert drawn.axes[0].patches[0].get_xy() == (0.5, -0.5)


def test_a_picture_comes_back_from_text_in_256_steps():
    picture = torch.rand(4, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(from_text(to_text(picture)), picture, atol=0.5 / 255, rtol=0)
