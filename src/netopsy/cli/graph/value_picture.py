"""The picture of a valuation: every seller's disparity, and the relevance and diversity of its features."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.graphs.graph_valuation import Value
from netopsy.lab.figures import INK, PALETTE, figure_grid

_MOST = 40
"""Sellers that are drawn, the least different first."""
_LONGEST = 28


def picture(names: Sequence[str], values: Sequence[Value]) -> Figure:
    """A line a seller, the structurally nearest on top; features only if there are any."""
    order = sorted(range(len(values)), key=lambda index: values[index].normalised_disparity)[:_MOST]
    featured = any(math.isfinite(value.relevance) for value in values)
    columns = 3 if featured else 1
    drawn, axes = figure_grid(1, columns, 2.5 * columns + 1.8, 0.3 * len(order) + 1.3, sharey=True)
    panels = [
        ("normalised_disparity", "structural disparity\nas a share of the largest possible", PALETTE[0]),
        ("relevance", "relevance R of the features", PALETTE[2]),
        ("diversity", "diversity D of the features", PALETTE[1]),
    ]
    for ax, (field, label, color) in zip(axes[0], panels, strict=False):
        found = [getattr(values[index], field) for index in order]
        ax.hlines(range(len(order)), 0, found, color=INK, linewidth=1)
        ax.plot(found, range(len(order)), "o", color=color, clip_on=False, zorder=3)
        ax.set(xlim=(0, 1.04), xlabel=label)
    _error_bars(axes[0, 0], [values[index] for index in order])
    labels = [names[index] if len(names[index]) <= _LONGEST else f"…{names[index][1 - _LONGEST :]}" for index in order]
    axes[0, 0].set_yticks(range(len(order)), labels)
    axes[0, 0].set_ylim(len(order) - 0.4, -0.6)
    if len(order) < len(values):
        axes[0, 0].set_title(f"the {len(order)} nearest of {len(values)}", fontsize=8)
    return drawn


def _error_bars(ax: Axes, values: Sequence[Value]) -> None:
    """95%, where the disparity is an estimate."""
    for place, value in enumerate(values):
        if value.disparity_error and value.disparity:
            half = 1.96 * value.disparity_error * value.normalised_disparity / value.disparity
            ends = (value.normalised_disparity - half, value.normalised_disparity + half)
            ax.plot(ends, (place, place), color=PALETTE[0], linewidth=2.5, alpha=0.5)
