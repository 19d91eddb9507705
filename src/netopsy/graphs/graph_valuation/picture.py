"""A valuation to look at: every seller's disparity, and the relevance and diversity of its features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netopsy.core.drawing import INK, PALETTE, figure_grid, label
from netopsy.graphs.graph_valuation.market import Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 40
"""Sellers that are drawn, the least different first."""


def plot_values(names: Sequence[str], values: Sequence[Value]) -> Figure:
    """A line a seller, the structurally nearest on top; features only if there are any, error bars of 95 %."""
    order = sorted(range(len(values)), key=lambda index: values[index].normalised_disparity)[:_MOST]
    columns = 3 if any(math.isfinite(value.relevance) for value in values) else 1
    drawn, axes = figure_grid(1, columns, 2.5 * columns + 1.8, 0.3 * len(order) + 1.3, sharey=True)
    panels = [
        ("normalised_disparity", "structural disparity\nas a share of the largest possible", PALETTE[0]),
        ("relevance", "relevance R of the features", PALETTE[2]),
        ("diversity", "diversity D of the features", PALETTE[1]),
    ]
    for ax, (field, text, color) in zip(axes[0], panels, strict=False):
        found = [getattr(values[index], field) for index in order]
        ax.hlines(range(len(order)), 0, found, color=INK, linewidth=1)
        ax.plot(found, range(len(order)), "o", color=color, clip_on=False, zorder=3)
        ax.set(xlim=(0, 1.04), xlabel=text)
    first = axes[0, 0]
    for place, value in enumerate(values[index] for index in order):
        if value.disparity_error and value.disparity:
            half = 1.96 * value.disparity_error * value.normalised_disparity / value.disparity
            ends = (value.normalised_disparity - half, value.normalised_disparity + half)
            first.plot(ends, (place, place), color=PALETTE[0], linewidth=2.5, alpha=0.5)
    first.set_yticks(range(len(order)), [label(names[index], 28) for index in order])
    first.set_ylim(len(order) - 0.4, -0.6)
    if len(order) < len(values):
        first.set_title(f"the {len(order)} nearest of {len(values)}", fontsize=8)
    return drawn
