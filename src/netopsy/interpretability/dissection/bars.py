"""How many units stand for each concept, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST = 30
"""Concepts that a drawing names."""


def unit_bars(
    counts: Mapping[str, int], units: int, ax: Axes | None = None, category_of: Mapping[str, str] | None = None
) -> Figure:
    """A bar a concept, in the order of ``counts``, coloured by category where there are categories."""
    from matplotlib.figure import Figure as NewFigure
    from matplotlib.ticker import MaxNLocator

    shown = dict(list(counts.items())[:_MOST])
    if ax is None:
        # Without pyplot: nothing global, no window, no figure that stays open.
        ax = NewFigure(figsize=(4.6, 0.9 + 0.28 * max(1, len(shown))), layout="constrained").subplots()
    categories = {name: category_of[name] if category_of else None for name in shown}
    for category in dict.fromkeys(categories.values()):
        own = [name for name in shown if categories[name] == category]
        ax.barh([list(shown).index(name) for name in own], [shown[name] for name in own], label=category)
    # Names are data and not formulas.
    ax.set_yticks(range(len(shown)), [name.replace("$", r"\$") for name in shown])
    ax.invert_yaxis()
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=f"units of {units}")
    if category_of and shown:
        ax.legend()
    return cast("Figure", ax.get_figure(root=True))
