"""Curves over seeds; and the theme of `netopsy.core.drawing`, by its names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid, render, style
from netopsy.core.errors import require
from netopsy.lab.statistics import mean_interval

__all__ = ["INK", "PALETTE", "figure", "figure_grid", "mean_with_band", "render", "style"]


def mean_with_band(
    axes: Axes,
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
    (line,) = axes.plot(points, [each.value for each in estimates], label=label, color=color, **options)
    low, high = np.array([each.interval for each in estimates]).reshape(-1, 2).T
    axes.fill_between(points, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
