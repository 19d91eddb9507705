"""The drawings that studies share: lines over seeds, bars, intervals, growth; and pictures as text in a table."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy.typing import ArrayLike
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.core.errors import require
from netopsy.lab.statistics import Estimate, mean_interval

__all__ = [
    "bars",
    "dots",
    "from_text",
    "gallery_of",
    "growth",
    "growths",
    "intervals",
    "lines",
    "mean_with_band",
    "mosaic",
    "overlays",
    "panels",
    "to_text",
]

Colors = Mapping[str, str]
Picture = Float[Tensor, "_height _width"]
Coloured = Float[Tensor, "3 _height _width"]
"""Pictures of one call need not be of one size."""


def mean_with_band(
    ax: Axes,
    x: Sequence[float] | ArrayLike,
    samples: ArrayLike,
    *,
    label: str | None = None,
    color: str | None = None,
    confidence: float = 0.95,
    **options: Any,
) -> None:
    """Draw the mean over seeds against ``x`` as a line, and its interval as a band.

    ``samples`` is ``(seeds, points)``; ``options`` go to `Axes.plot`. With fewer than three seeds there is no band.
    """
    values, points = np.asarray(samples, dtype=np.float64), np.asarray(x, dtype=np.float64)
    require(
        values.ndim == 2 and points.shape == values.shape[1:],
        f"samples must be (seeds, points) with one column for each x, got {values.shape} for x of shape {points.shape}",
    )
    estimates = [mean_interval(column, confidence=confidence) for column in values.T]
    (line,) = ax.plot(points, [each.value for each in estimates], label=label, color=color, **options)
    low, high = np.array([each.interval for each in estimates]).reshape(-1, 2).T
    ax.fill_between(points, low, high, color=line.get_color(), alpha=0.2, linewidth=0)


def lines(
    ax: Axes,
    table: pd.DataFrame,
    *,
    x: str,
    by: str | None = None,
    over: str | Sequence[str] = "seed",
    values: str = "value",
    names: Sequence[str] | None = None,
    colors: Colors | None = None,
    labels: Mapping[str, str] | None = None,
    places: Mapping[Any, float] | None = None,
    **options: Any,
) -> None:
    """One `mean_with_band` for each entry of column ``by`` (all, or ``names`` in their order), against column ``x``.

    ``over`` is what was drawn independently. ``places`` maps values of ``x`` that are no numbers to where they are
    drawn, and names the ticks. ``options`` go to `Axes.plot`.
    """
    groups: dict[Any, pd.DataFrame] = {None: table} if by is None else dict(iter(table.groupby(by, sort=False)))
    for number, name in enumerate(names if names is not None else groups):
        own = groups.get(name)
        if own is None or own.empty:
            continue
        wide = own.groupby([*([over] if isinstance(over, str) else over), x], sort=False)[values].mean().unstack(x)
        wide = wide[[column for column in places if column in wide]] if places else wide[sorted(wide.columns)]
        at = [places[column] for column in wide.columns] if places else wide.columns.to_numpy(dtype=float)
        shown = None if name is None else (labels or {}).get(str(name), str(name))
        color = (colors or {}).get(str(name), PALETTE[number % len(PALETTE)])
        mean_with_band(ax, at, wide.to_numpy(dtype=float), label=shown, color=color, **{"marker": "o", **options})
    if places:
        ax.set_xticks(list(places.values()), [str(name) for name in places])


def intervals(
    ax: Axes,
    estimates: Mapping[str, Estimate],
    *,
    samples: Mapping[str, ArrayLike] | None = None,
    colors: Colors | None = None,
    mark: float | None = 0.0,
) -> None:
    """Estimates below one another: a diamond and its interval each, the single values as dots, a line at ``mark``."""
    for place, (name, estimate) in enumerate(estimates.items()):
        color = (colors or {}).get(name, PALETTE[place % len(PALETTE)])
        ax.plot(estimate.interval, [place] * 2, color=color, alpha=0.6)
        if samples is not None and name in samples:
            values = np.asarray(samples[name], dtype=float)
            ax.plot(values, [place] * len(values), "o", color=color, alpha=0.4)
        ax.plot(estimate.value, place, "D", color=color)
    if mark is not None:
        ax.axvline(mark, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(estimates)), list(estimates))
    ax.set_ylim(len(estimates) - 0.5, -0.5)


def dots(
    ax: Axes,
    table: pd.DataFrame,
    *,
    by: str,
    beside: str | None = None,
    over: str | Sequence[str] = "seed",
    values: str = "value",
    names: Sequence[str] | None = None,
    colors: Colors | None = None,
) -> None:
    """Means below one another, a diamond with its interval each, and a dot for each of ``over``, what was drawn
    independently: a line for each entry of ``by`` (all, or ``names`` in their order), one for each of ``beside`` at it.
    """
    units = [over] if isinstance(over, str) else list(over)
    ticks = list(names if names is not None else table[by].unique())
    groups = [None] if beside is None else list(table[beside].unique())
    for number, group in enumerate(groups):
        own = table if group is None else table[table[beside] == group]
        label = None if group is None else str(group)
        for place, tick in enumerate(ticks):
            found = own[own[by] == tick].groupby(units)[values].mean()
            if found.empty:
                continue
            color = (colors or {}).get(str(tick if group is None else group), PALETTE[number % len(PALETTE)])
            at, estimate = place + 0.28 * (number - (len(groups) - 1) / 2), mean_interval(found)
            ax.plot(found, [at] * len(found), "o", color=color, alpha=0.4)
            ax.plot(estimate.interval, [at] * 2, color=color, alpha=0.7)
            ax.plot(estimate.value, at, "D", color=color, label=label)
            label = None
    ax.set_yticks(range(len(ticks)), [str(tick) for tick in ticks])
    ax.set_ylim(len(ticks) - 0.5, -0.5)


def bars(
    ax: Axes,
    table: pd.DataFrame,
    *,
    by: str,
    beside: str | None = None,
    over: str | Sequence[str] = "seed",
    values: str = "value",
    colors: Colors | None = None,
    names: Sequence[str] | None = None,
    horizontal: bool = False,
) -> None:
    """Means with their intervals: a group of bars for each entry of ``by``, one for each entry of ``beside`` in it.

    ``horizontal`` bars lie below one another, the first on top: for long names.
    """
    units = [over] if isinstance(over, str) else list(over)
    groups = [None] if beside is None else list(names or table[beside].unique())
    ticks = list(table[by].unique())
    width = 0.8 / len(groups)
    for number, group in enumerate(groups):
        own = table if group is None else table[table[beside] == group]
        color = (colors or {}).get(str(group), PALETTE[number % len(PALETTE)])
        label = None if group is None else str(group)
        for place, tick in enumerate(ticks):
            found = own[own[by] == tick].groupby(units)[values].mean()
            if found.empty:
                continue
            estimate = mean_interval(found)
            at = place + width * (number - (len(groups) - 1) / 2)
            (ax.barh if horizontal else ax.bar)(at, estimate.value, 0.9 * width, color=color, alpha=0.8, label=label)
            ends = (estimate.interval, [at] * 2) if horizontal else ([at] * 2, estimate.interval)
            ax.plot(*ends, color=INK, linewidth=1.2)
            label = None
    (ax.set_yticks if horizontal else ax.set_xticks)(range(len(ticks)), [str(tick) for tick in ticks])
    if horizontal:
        ax.set_ylim(len(ticks) - 0.5, -0.5)


def growth(
    ax: Axes, table: pd.DataFrame, *, x: str, values: str = "value", by: str | None = None, colors: Colors | None = None
) -> None:
    """What something costs against a size, both logarithmic: one line for each entry of column ``by``."""
    for name, own in table.groupby(by, sort=False) if by else [(None, table)]:
        line = own.groupby(x)[values].mean()
        label = None if name is None else str(name)
        ax.plot(line.index, line, marker="o", label=label, color=(colors or {}).get(str(name)))
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    sizes = np.unique(table[x].to_numpy(dtype=float))
    ax.set_xticks(sizes, [_short(size) for size in sizes])
    if by:
        ax.legend()


def growths(parts: Mapping[str, tuple[pd.DataFrame, str]], cost: str, *, titles: Sequence[str] = ()) -> Figure:
    """The `growth` of one cost with several sizes: for each the size's label, the table, and the column of the size.

    Where there are several methods, one legend below tells them apart.
    """
    several = any(table["method"].nunique() > 1 for table, _ in parts.values())

    def draw(ax: Axes, part: tuple[str, pd.DataFrame, str]) -> None:
        label, table, x = part
        growth(ax, table, x=x, by="method" if several else None)
        ax.set(xlabel=label, ylabel=cost)
        if several:
            ax.get_legend().remove()  # type: ignore[union-attr]

    names = titles or [" " * number for number in range(len(parts))]
    shown = {name: (label, *part) for name, (label, part) in zip(names, parts.items(), strict=True)}
    return panels(shown, draw, width=3.8, height=3.0, legend=several)


def _short(size: float) -> str:
    return f"{size / 1e6:g}M" if size >= 1e6 else f"{size / 1e3:g}k" if size >= 1e4 else f"{size:g}"


def panels(
    parts: Mapping[Any, Any],
    draw: Callable[[Axes, Any], None],
    *,
    columns: int = 3,
    width: float = 3.6,
    height: float = 3.2,
    legend: bool = False,
    **options: Any,
) -> Figure:
    """A figure with one set of axes a part, titled by its key; ``draw(ax, part)`` fills each.

    With ``legend`` there is one below all of them, each label once. ``options`` go to `Figure.subplots`.
    """
    count = max(1, min(columns, len(parts)))
    rows = -(-len(parts) // count)
    drawn, axes = figure_grid(rows, count, width * count, height * rows + 0.4 * legend, **options)
    every: list[Axes] = axes.ravel().tolist()
    for ax, (name, part) in zip(every, parts.items(), strict=False):
        draw(ax, part)
        if name:
            ax.set_title(", ".join(map(str, name)) if isinstance(name, tuple) else str(name))
    for ax in every[len(parts) :]:
        ax.set_axis_off()
    if legend:
        handles = {label: handle for ax in every for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        columns = min(4, max(1, len(handles)))
        drawn.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns, labelcolor=INK)
    return drawn


def mosaic(
    rows: Mapping[str, Sequence[Picture | Coloured | None]],
    columns: Sequence[str] = (),
    *,
    inches: float = 0.68,
) -> Figure:
    """Pictures from 0 to 1 in rows, all in one set of axes: hundreds of axes would take seconds to draw.

    Each fills a square of ``inches`` whatever its size, in grey or in colour; ``None`` leaves its square empty. Rows
    are named to the left, columns above.

    >>> import torch
    >>> len(mosaic({"grey": [torch.zeros(2, 2), None], "colour": [torch.ones(3, 4, 4)]}, ["one", "two"]).axes)
    1
    """
    count = max((len(row) for row in rows.values()), default=1)
    aside = 0.4 + 0.08 * max((len(line) for name in rows for line in name.split("\n")), default=0)
    drawn, ax = figure(inches * count + aside, inches * len(rows) + 0.3)
    for down, row in enumerate(rows.values()):
        for across, picture in enumerate(row):
            if picture is not None:
                shown = picture.detach().cpu() if picture.ndim == 2 else picture.detach().cpu().movedim(0, -1)
                place = (across, across + 0.93, down + 0.93, down)
                ax.imshow(shown.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="none", extent=place)
    ax.set(xlim=(0, count), ylim=(max(1, len(rows)), 0), aspect="equal")
    ax.set_yticks([down + 0.46 for down in range(len(rows))], list(rows))
    ax.set_xticks([across + 0.46 for across in range(len(columns))], columns)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    return drawn


def gallery_of(
    table: pd.DataFrame, by: Sequence[str], name: Callable[..., str], columns: Sequence[str] = (), **options: Any
) -> Figure:
    """A `mosaic` of the column ``picture``: a row for each value of ``by``, in the table's order, named by ``name``.

    >>> table = pd.DataFrame({"way": ["plain", "plain"], "picture": ["1 2 AP8=", "1 2 //8="]})
    >>> gallery_of(table, ["way"], str.title).axes[0].get_yticklabels()
    [Text(0, 0.46, 'Plain')]
    """
    groups = table.groupby(list(by), sort=False)
    return mosaic({name(*of): [*map(from_text, own["picture"])] for of, own in groups}, columns, **options)


def overlays(
    rows: Sequence[tuple[str, Mapping[str, Picture]]],
    *,
    boxes: Sequence[Sequence[int]] = (),
    side: float = 1.05,
) -> Figure:
    """A line of pictures for each of ``rows``, with its words on the left: an image, then each map over it.

    The first picture is the image; the names of the first row stand above. ``boxes``, one a row, are ``(top, left,
    bottom, right)`` in pixels, the last two outside; ``side`` is that of a picture in inches.
    """
    from matplotlib.patches import Rectangle

    from netopsy.interpretability.overlay import overlay

    columns = max(len(pictures) for _, pictures in rows)
    drawn, axes = figure_grid(len(rows), columns, side * (columns + 0.6), side * len(rows) + 0.3)
    for number, (line, (words, pictures)) in enumerate(zip(axes, rows, strict=True)):
        image = next(iter(pictures.values()))
        at: dict[str, Any] = {"transform": line[0].transAxes, "ha": "right", "va": "center", "fontsize": 8}
        line[0].text(-0.08, 0.5, words, color=INK, **at)
        for place, (ax, (name, picture)) in enumerate(zip(line, pictures.items(), strict=True)):
            overlay(image[None, None], picture[None], ax, opacity=0.75 if place else 0.0)
            if not number:
                ax.set_title(name, fontsize=7, loc="center")
            if boxes:
                top, left, bottom, right = boxes[number]
                corner, size = (left - 0.5, top - 0.5), (right - left, bottom - top)
                ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor=PALETTE[2], lw=1))
    return drawn


def to_text(picture: Picture) -> str:
    """Values from 0 to 1 in 256 steps as "height width base64", so that a table can hold an example.

    >>> import torch
    >>> to_text(torch.tensor([[0.0, 1.0]]))
    '1 2 AP8='
    """
    grey = (picture.detach().cpu().clamp(0, 1) * 255).round().byte()
    return f"{grey.shape[0]} {grey.shape[1]} {base64.b64encode(grey.numpy().tobytes()).decode()}"


def from_text(text: str) -> Picture:
    """The picture that `to_text` made text of.

    >>> from_text("1 2 AP8=")
    tensor([[0., 1.]])
    """
    import torch

    height, width, encoded = text.split()
    grey = torch.frombuffer(bytearray(base64.b64decode(encoded)), dtype=torch.uint8)
    return grey.reshape(int(height), int(width)).float() / 255
