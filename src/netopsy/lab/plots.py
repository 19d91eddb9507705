"""The drawings that studies share: lines over seeds, bars, intervals, growth; those of images are in `pictures`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy.typing import ArrayLike

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.errors import require
from netopsy.lab.statistics import Estimate, mean_interval

Colors = Mapping[str, str]


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
