"""The figures of the lottery ticket study."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.lab.figures import INK, PALETTE, figure, mean_with_band

_LOOK = {"ticket": (PALETTE[0], "o"), "reinit": (PALETTE[1], "s"), "random ticket": (PALETTE[2], "^")}
_LABELS = {
    "ticket": "winning ticket",
    "reinit": "same mask, new weights",
    "random ticket": "shuffled mask, new weights",
}


def draw(rows: pd.DataFrame, config: Any) -> dict[str, Figure]:
    """Accuracy, and the step of early stopping, against the share of weights kept; for every setting."""
    figures = {}
    for name in config.settings:
        own = rows[rows["setting"] == name].assign(points=lambda table: 100 * table["accuracy"])
        suffix = "" if len(config.settings) == 1 else f"-{name}"
        figures[f"accuracy{suffix}"] = _against_density(own, "points", "test accuracy at early stop (%)", one_shot=True)
        figures[f"early-stop{suffix}"] = _against_density(own, "early_stop_step", "step of least validation loss")
    return figures


def _against_density(rows: pd.DataFrame, value: str, label: str, *, one_shot: bool = False) -> Figure:
    drawn, axes = figure(5.6, 3.6)
    for condition, (color, marker) in _LOOK.items():
        table = rows[rows["condition"] == condition].pivot_table(index="seed", columns="round", values=value)
        shares = 100 * rows[rows["condition"] == condition].groupby("round")["density"].mean()
        mean_with_band(axes, shares, table, label=_LABELS[condition], color=color, marker=marker)
    if one_shot:
        points = rows[rows["condition"] == "one-shot"].groupby("round")[["density", value]].mean()
        axes.plot(100 * points["density"], points[value], "D", color=PALETTE[3], label="pruned at one go")
    dense = rows[(rows["condition"] == "ticket") & (rows["round"] == 0)][value].mean()
    axes.axhline(dense, color=INK, linestyle="--", linewidth=1)
    axes.annotate("dense", (0.01, dense), xycoords=("axes fraction", "data"), va="bottom", color=INK, fontsize=8)
    _log_percent(axes)
    axes.set(xlabel="weights kept (%)", ylabel=label)
    axes.legend()
    return drawn


def _log_percent(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.invert_xaxis()
    ticks = [tick for tick in (100, 50, 20, 10, 5, 2, 1) if min(axes.get_xlim()) <= tick]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()
