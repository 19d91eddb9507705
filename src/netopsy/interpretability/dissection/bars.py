"""How many units stand for each concept, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from netopsy.core.drawing import label, panel, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 30
"""Concepts that a drawing names."""


@style()
def unit_bars(
    counts: Mapping[str, int], units: int, ax: Axes | None = None, category_of: Mapping[str, str] | None = None
) -> Axes:
    """A bar a concept, in the order of ``counts``, coloured by category where there are categories."""
    from matplotlib.ticker import MaxNLocator

    shown = list(counts)[:_MOST]
    ax = panel(ax, 4.6, 0.9 + 0.28 * max(1, len(shown)))
    categories = [category_of[name] if category_of else "" for name in shown]
    for category in dict.fromkeys(categories):
        own = [position for position, kind in enumerate(categories) if kind == category]
        ax.barh(own, [counts[shown[position]] for position in own], label=label(category))
    ax.set_yticks(range(len(shown)), [label(name) for name in shown])
    ax.invert_yaxis()
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=f"units of {units}")
    if category_of and shown:
        ax.legend()
    return ax
